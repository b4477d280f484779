//! A framework for distributed multiplayer game servers, declared with attribute macros.
//!
//! Annotate an impl block with [`#[handler]`](macro@handler), its messages with
//! [`#[message]`](macro@message), mount it in an [`App`], and players can call it over TCP and
//! WebSocket. On the wire this is Pitaya, so the clients that exist for it connect unchanged.
//!
//! ```no_run
//! use pitaya::prelude::*;
//!
//! #[message]
//! pub struct Say { pub text: String }
//!
//! pub struct Room;
//!
//! #[handler]
//! impl Room {
//!     /// Repeats what was said.
//!     async fn say(&self, _ctx: &Context<'_>, msg: Say) -> Result<Say> {
//!         Ok(msg)
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> pitaya::Result<()> {
//!     App::builder("game")
//!         .acceptor(Tcp::bind("0.0.0.0:3250"))
//!         .acceptor(WebSocket::bind("0.0.0.0:3251"))
//!         .handler(Room)
//!         .run()
//!         .await
//! }
//! ```
//!
//! The [`guide`] walks from an empty folder to a running game server.
//!
//! | looking for | look at |
//! |---|---|
//! | declaring services and messages | [`macro@handler`], [`macro@route`], [`macro@message`] |
//! | what other servers may call | [`macro@remote`], [`RpcContext`], [`Caller`] |
//! | building and running a server | [`App`], [`AppBuilder`](app::AppBuilder), [`Config`] |
//! | what a handler is given | [`Context`], [`Session`], [`AppHandle`] |
//! | pushes, kicks, groups | [`Session::push`], [`AppHandle::push_to_users`], [`AppHandle::groups`] |
//! | hooks around handlers | [`handler::BeforeHook`], [`handler::AfterHook`] |
//! | hooks around remotes | [`cluster::remote::BeforeRemoteHook`], [`cluster::remote::AfterRemoteHook`] |
//! | what is counted and measured | [`measurements`] |
//! | what a server tells of itself | [`docs`], [`AppHandle::documentation`], [`AppHandle::descriptor`] |
//! | clients for tests, tools and bots | [`client`] |
//! | transports of one's own | [`acceptor`] |
//! | TLS, load balancers | [`guide_to_the_internet`] |
//! | limits on what clients send, and what sees their packets first | [`wrapper`] |
//!
//! # Guarantees
//!
//! - **Order.** Messages of one session are started and finished in arrival order;
//!   `#[route(concurrent)]` opts a method out. What is queued for a client leaves in queue order: a
//!   push made inside a handler precedes its response.
//! - **Isolation.** One slow client or handler delays nobody else.
//! - **Nothing stops the process.** Panics are caught and answered, malformed input closes only its
//!   own connection.
//! - **Nothing is lost in silence.** Every request with an id gets exactly one answer or a closed
//!   connection; every drop, refusal and time-out is an error to its caller and a metric with a cause.
//! - **Bounded everything.** Sizes, queues and times have limits, defaults and configuration keys.
//! - **Clean endings.** A handler that has started when its client leaves runs to its end within a
//!   grace limit; a shutdown drains, kicks, and stops everything in reverse order.

// Outside data must not be able to stop the process.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

// The macros name this crate by its full path, also inside the crate itself.
extern crate self as pitaya;

pub mod acceptor;
mod agent;
pub mod app;
pub mod client;
pub mod cluster;
pub mod docs;
pub mod error;
mod error_body;
pub mod groups;
#[doc = include_str!("docs/guide.md")]
pub mod guide {}
#[doc = include_str!("docs/cluster.md")]
pub mod guide_to_clusters {}
#[doc = include_str!("docs/internet.md")]
pub mod guide_to_the_internet {}
#[doc = include_str!("docs/metrics.md")]
pub mod measurements {}
pub mod handler;
mod isolate;
mod json;
pub mod message;
mod observe;
pub mod protocol;
mod scratch;
pub mod session;
mod sync;
#[cfg(feature = "tls")]
pub mod tls;
pub mod uid;
pub mod wrapper;

pub use acceptor::{Tcp, WebSocket};
pub use app::config::Config;
pub use app::{App, AppHandle, Component, Module};
pub use cluster::remote::{Caller, RpcContext};
pub use error::{Error, Result, ResultExt};
pub use handler::Context;
pub use message::{Body, Json, Message, Proto};
pub use observe::trace;
pub use session::Session;
pub use uid::Uid;

pub use bytes::Bytes;
#[doc = include_str!("docs/handler.md")]
pub use pitaya_macros::handler;
pub use pitaya_macros::message;
#[doc = include_str!("docs/remote.md")]
pub use pitaya_macros::remote;
#[doc = include_str!("docs/route.md")]
pub use pitaya_macros::route;

/// What most servers use: `use pitaya::prelude::*;`
pub mod prelude {
    pub use crate::acceptor::Acceptor as _;
    pub use crate::cluster::remote::Caller as _;
    pub use crate::{
        App, AppHandle, Body, Bytes, Caller as _, Component, Config, Context, Error, Json, Module,
        Proto, Result, ResultExt, RpcContext, Session, Tcp, Uid, WebSocket, handler, message,
        remote, route,
    };
}

/// What generated code names; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::Error;
    pub use crate::handler::{
        Call, CallFallback, CallFuture, Context, Dispatch, HandlerService, Location, Return,
        RouteKind, RouteOptions, RouteSpec, Running, RunningFallback, ServiceEntry, Unlimited,
        Within, decode, ends, may_reply, no_such_method, replies, returns,
    };
    pub use crate::message::{
        Body, CodecError, Formats, Message, MessageDescriptor, TypeInfo, ValidationError,
        WRONG_VALUE_TYPE, descriptor, field,
    };
    pub use std::string::String;
    pub use std::vec::Vec;
    pub use {bytes, erased_serde, inventory, prost, serde};

    /// The same for remotes.
    pub mod remote {
        pub use crate::cluster::remote::{
            Caller, FromCall, RemoteCall as Call, RemoteCallFallback as CallFallback, RemoteClient,
            RemoteDispatch as Dispatch, RemoteEntry, RemoteFuture as CallFuture,
            RemoteReturn as Return, RemoteService, RemoteSpec, RemoteTrait, RpcContext as Context,
            Via, ViaFallback, decode, no_such_method, replies, returns,
        };
        pub use serde_json::Value;
        pub use std::borrow::Cow;
        pub use std::string::String;
        pub use std::sync::Arc;
    }
}
