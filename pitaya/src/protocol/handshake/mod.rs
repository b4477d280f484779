//! The handshake: what a client says of itself and what a server answers.
//!
//! Both directions are JSON in a handshake packet. The texts come from peers
//! that nobody has authenticated, so reading them must never recurse, and what
//! is kept of them stays as small as it can: a server holds it for every
//! connection.

mod canonical;
mod data;
mod reply;

use thiserror::Error;

pub use self::{
    data::{HandshakeData, HandshakeSys, request},
    reply::{HandshakeReply, reply},
};
pub use crate::json::{JsonError, WriteError};

use super::{compression::InflateError, packet::PacketError};

/// Why a handshake cannot be read or written.
///
/// A server answers such a client with code 400 and closes; the cause is never
/// sent.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// The body is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A known field holds another kind of value than it must.
    #[error("handshake: {field} must be {expected}")]
    WrongType {
        /// The field, with its parents.
        field: &'static str,
        /// What it must hold.
        expected: &'static str,
    },
    /// A number under `user` that a 64-bit float cannot hold.
    #[error("handshake: number {0} is out of range")]
    NumberRange(
        /// The number as it was written.
        String,
    ),
    /// A compressed reply cannot be inflated.
    #[error(transparent)]
    Inflate(#[from] InflateError),
    /// A value given to [`request`] cannot be written as JSON.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The handshake is too large for a packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
}
