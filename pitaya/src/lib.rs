//! pitaya

// The macros name this crate by its full path, also inside the crate itself.
extern crate self as pitaya;

pub mod acceptor;
pub mod error;
mod agent;
pub mod app;
pub mod groups;
pub mod handler;
mod json;
pub mod message;
pub mod protocol;
mod observe;
mod scratch;
pub mod session;
pub mod uid;

pub use error::{Error, Result, ResultExt};
pub use handler::Context;
pub use message::{Body, Json, Message, Proto};
pub use session::Session;
pub use uid::Uid;
pub use pitaya_macros::{handler, message};

/// What generated code names; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::Error;
    pub use crate::handler::{
        CallFuture, Context, Dispatch, HandlerService, Location, Return, RouteKind, RouteOptions,
        RouteSpec, ServiceEntry, before, before_nothing, boxed_or_inline, decode, finish,
        must_be_send, with_timeout,
    };
    pub use crate::message::{
        Body, CodecError, Formats, Message, MessageDescriptor, TypeInfo, ValidationError,
        descriptor, field,
    };
    pub use {bytes, erased_serde, inventory, prost, serde};
}
