//! The Rust client: what tools, tests, bots and generated typed clients connect with.
//!
//! A [`Client`] is a cheap handle on one connection, over TCP, WebSocket or any byte stream. One
//! task per connection does all I/O; calls never wait for each other's users. A client never
//! reconnects by itself and never panics, whatever a server sends.
//!
//! ```no_run
//! # async fn run() -> Result<(), pitaya::client::Error> {
//! use bytes::Bytes;
//! use pitaya::client::Client;
//!
//! let client = Client::builder()
//!     .client_version("2.1")
//!     .user("language", "en")
//!     .connect("ws://127.0.0.1:3251/")
//!     .await?;
//!
//! // Bodies are `#[message]` types; here raw bytes, which travel as they are.
//! let mut messages = client.on::<Bytes>("onMessage");
//! let joined: Bytes = client.request("room.join", &Bytes::from(r#"{"room":"hall"}"#)).await?;
//! client.notify("room.say", &Bytes::from(r#"{"text":"hello"}"#)).await?;
//! while let Some(message) = messages.next().await {
//!     println!("{:?}", message?);
//! }
//! println!("{}", client.closed().await);
//! # Ok(()) }
//! ```

mod builder;
mod service;
mod target;

mod error;
mod push;

mod clock;
mod connection;
mod handshake;
mod requests;
mod task;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use self::connection::Connection;
use crate::message::{Body, Serializer};
use crate::protocol::Dictionary;

pub use self::builder::ClientBuilder;
pub use self::error::{DisconnectReason, Error};
pub use self::push::{Push, PushStream, TypedPushStream};
pub use self::service::ServiceClient;
pub use self::target::{IntoTarget, Target};

/// A handle on one connection; clones share it.
///
/// The connection ends when the server ends it, at [`disconnect`](Self::disconnect), or when the
/// last handle is dropped. Every call on an ended connection, and every call that waits while it
/// ends, gives [`Error::Disconnected`] with the reason.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// Ends the connection with the last handle; the task does not hold one.
struct Handle {
    connection: Arc<Connection>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.connection.end(DisconnectReason::Local);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.connection();
        f.debug_struct("Client")
            .field("serializer", &connection.serializer)
            .field("ended", &connection.has_ended())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with other than the default choices.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Connects with the default choices. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect(target: impl IntoTarget) -> Result<Self, Error> {
        Self::builder().connect(target).await
    }

    /// Requests a route and decodes the answer. The route is `service.method`, or
    /// `type.service.method` for a server of another type.
    ///
    /// A call that is dropped before its answer has come discards that answer, not the request.
    ///
    /// # Errors
    /// [`Error::Server`] if the server answered with an error, [`Error::Timeout`],
    /// [`Error::Disconnected`]; [`Error::Encode`], [`Error::Route`] and [`Error::Packet`] if
    /// nothing could be sent, [`Error::Decode`] and [`Error::Inflate`] if the answer is unusable.
    pub async fn request<R: Body>(&self, route: &str, argument: &impl Body) -> Result<R, Error> {
        let body = self.encode(argument)?;
        self.decode(&self.request_raw(route, body).await?)
    }

    /// Requests a route with an empty body, which is what a handler without argument expects.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn request_without_argument<R: Body>(&self, route: &str) -> Result<R, Error> {
        self.decode(&self.request_raw(route, []).await?)
    }

    /// Requests a route with a body that is encoded already, and gives the answer's body.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub async fn request_raw(&self, route: &str, body: impl AsRef<[u8]>) -> Result<Bytes, Error> {
        self.connection().request(route, body.as_ref()).await
    }

    /// Sends a message that is never answered. It has been queued when the call returns; the call
    /// waits only while a lot is queued already.
    ///
    /// # Errors
    /// [`Error::Disconnected`], [`Error::Encode`], [`Error::Route`], [`Error::Packet`], or
    /// [`Error::Timeout`] if there was no room within the request timeout.
    pub async fn notify(&self, route: &str, argument: &impl Body) -> Result<(), Error> {
        let body = self.encode(argument)?;
        self.notify_raw(route, body).await
    }

    /// As [`notify`](Self::notify), with a body that is encoded already.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub async fn notify_raw(&self, route: &str, body: impl AsRef<[u8]>) -> Result<(), Error> {
        self.connection().notify(route, body.as_ref()).await
    }

    /// All pushes from now on, and those before that nobody has taken yet.
    pub fn pushes(&self) -> PushStream {
        self.connection().pushes.stream(None)
    }

    /// The pushes of one route from now on, and those before that nobody has taken yet, decoded.
    ///
    /// A push reaches every stream that asked for its route.
    pub fn on<T: Body>(&self, route: impl Into<Arc<str>>) -> TypedPushStream<T> {
        TypedPushStream::new(self.connection().pushes.stream(Some(route.into())))
    }

    /// The next push of a route, within the request timeout; for tests and scripts.
    ///
    /// Pushes that arrived earlier count, oldest first, unless a stream has taken them.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Disconnected`].
    pub async fn next_push(&self, route: &str) -> Result<Push, Error> {
        let connection = self.connection();
        match timeout(connection.request_timeout, connection.pushes.take(route)).await {
            Ok(Some(push)) => Ok(push),
            Ok(None) => Err(connection.gone()),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Ends the connection: what was queued before is still sent, requests that wait fail with
    /// [`DisconnectReason::Local`]. Does nothing if it has ended already.
    pub fn disconnect(&self) {
        self.connection().end(DisconnectReason::Local);
    }

    /// Waits until the connection has ended and says why; at once if it has.
    pub async fn closed(&self) -> DisconnectReason {
        self.connection().ended().await
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.connection().has_ended()
    }

    /// How this connection's bodies are encoded.
    pub fn serializer(&self) -> &Serializer {
        &self.connection().serializer
    }

    /// The routes and codes that the server announced.
    pub fn dictionary(&self) -> &Dictionary {
        &self.connection().dictionary
    }

    /// The heartbeat interval that the server announced; zero if it announced none.
    pub fn heartbeat(&self) -> Duration {
        self.connection().heartbeat
    }

    /// How many pushes were dropped because nobody took them in time, all streams together.
    pub fn dropped_pushes(&self) -> u64 {
        self.connection().pushes.dropped()
    }

    /// How many messages of the server were of no use: answers that came too late, pushes with an
    /// unknown code or an unreadable body, and what only clients send.
    pub fn ignored_messages(&self) -> u64 {
        self.connection().ignored.load(Ordering::Relaxed)
    }

    fn connection(&self) -> &Connection {
        &self.handle.connection
    }

    fn encode(&self, argument: &impl Body) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        argument
            .encode(self.serializer(), &mut body)
            .map_err(Error::Encode)?;
        Ok(body)
    }

    fn decode<R: Body>(&self, body: &Bytes) -> Result<R, Error> {
        R::decode(self.serializer(), body).map_err(Error::Decode)
    }
}
