//! pitaya

// The macros name this crate by its full path, also inside the crate itself.
extern crate self as pitaya;

pub mod acceptor;
pub mod error;
mod error_body;
mod agent;
pub mod app;
pub mod client;
pub mod groups;
pub mod handler;
mod json;
pub mod message;
pub mod protocol;
mod observe;
mod scratch;
pub mod session;
pub mod uid;

pub use acceptor::{Tcp, WebSocket};
pub use app::config::Config;
pub use app::{App, AppHandle};
pub use error::{Error, Result, ResultExt};
pub use handler::Context;
pub use message::{Body, Json, Message, Proto};
pub use session::Session;
pub use uid::Uid;
pub use pitaya_macros::{handler, message, route};

/// What generated code names; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::Error;
    pub use crate::handler::{
        Call, CallFallback, CallFuture, Context, Dispatch, HandlerService, Location, Return,
        RouteKind, RouteOptions, RouteSpec, Running, RunningFallback, ServiceEntry, before_nothing,
        decode, ends, may_reply, no_such_method, replies, returns, with_timeout,
    };
    pub use crate::message::{
        Body, CodecError, Formats, Message, MessageDescriptor, TypeInfo, ValidationError,
        WRONG_VALUE_TYPE, descriptor, field,
    };
    pub use std::string::String;
    pub use std::vec::Vec;
    pub use {bytes, erased_serde, inventory, prost, serde};
}
