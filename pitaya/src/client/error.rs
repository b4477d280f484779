//! What can go wrong for a client, and why a connection ended.
//!
//! An error that the server answered keeps its code, text and metadata; everything else is told
//! apart by variant and must never have to be told apart by text.

use std::io;

use crate::error::{Error as ServerError, codes};
use crate::message::CodecError;
use crate::protocol::compression::InflateError;
use crate::protocol::handshake::HandshakeError;
use crate::protocol::{MessageError, PacketError};

/// Why a call on a [`Client`](super::Client) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with an error (the client protocol, 6.6).
    #[error("{0}")]
    Server(ServerError),
    /// No answer, or no awaited push, within the request timeout. A late answer is discarded.
    #[error("request timeout")]
    Timeout,
    /// The connection has ended, or ended while the call was waiting.
    #[error("disconnected: {0}")]
    Disconnected(DisconnectReason),
    /// The text names no place that a client can connect to.
    #[error("cannot connect to `{target}`: {problem}")]
    Target {
        /// The text as given.
        target: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The connection could not be made.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The server refused the upgrade to WebSocket.
    #[error("cannot upgrade to WebSocket: {0}")]
    WebSocket(String),
    /// The connection was not ready within the connect timeout.
    #[error("the server did not complete the handshake in time")]
    ConnectTimeout,
    /// The handshake data cannot be sent: larger than a packet can be.
    #[error("cannot send the handshake: {0}")]
    Handshake(#[source] HandshakeError),
    /// The server refused the handshake.
    #[error("the server refused the handshake with code {code}")]
    HandshakeRefused {
        /// The code that the server gave; 400 from every known server.
        code: u16,
    },
    /// The server's serializer is not one that this client was built with.
    #[error("the server speaks `{server}`, this client {}", Expected(.client))]
    Serializer {
        /// The name that the server gave in the handshake.
        server: String,
        /// The one serializer that this client was given, if any.
        client: Option<String>,
    },
    /// The argument cannot be encoded.
    #[error("cannot encode the argument: {0}")]
    Encode(#[source] CodecError),
    /// The answer or push does not decode as the type that was asked for.
    #[error("cannot decode the body: {0}")]
    Decode(#[source] CodecError),
    /// The answer is compressed and cannot be inflated, or only to more than the inflate limit.
    #[error("cannot inflate the body: {0}")]
    Inflate(#[source] InflateError),
    /// The route cannot be sent: longer than 255 bytes.
    #[error(transparent)]
    Route(MessageError),
    /// The message is longer than a packet can be.
    #[error(transparent)]
    Packet(PacketError),
}

/// Completes the sentence of [`Error::Serializer`].
struct Expected<'a>(&'a Option<String>);

impl std::fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(name) => write!(f, "`{name}`"),
            None => f.write_str("only `json` and `protobuf` (give it the codec)"),
        }
    }
}

/// The error of a server as it is; a timeout is `PIT-504`, and anything else `PIT-000` with the
/// client's error as the cause.
impl From<Error> for ServerError {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => error,
            Error::Timeout => Self::new(codes::TIMEOUT, error.to_string()).with_source(error),
            _ => Self::msg(error.to_string()).with_source(error),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server ended the connection on purpose. Reconnecting at once is usually not wanted.
    #[error("kicked by the server")]
    Kicked,
    /// The server closed the connection without a word.
    #[error("closed by the server")]
    ServerClosed,
    /// Nothing came from the server for too long.
    #[error("the server has fallen silent")]
    HeartbeatTimeout,
    /// The server sent something that is not the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// This side ended it: `disconnect`, or the last handle was dropped.
    #[error("closed by this client")]
    Local,
    /// The connection broke.
    #[error("connection broken: {message}")]
    Io {
        /// The kind of the error.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
}

impl From<io::Error> for DisconnectReason {
    /// A peer that vanishes is a peer that closed: which of the two the system reports depends on
    /// what was under way at that moment.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Self::ServerClosed,
            kind => Self::Io {
                kind,
                message: error.to_string(),
            },
        }
    }
}
