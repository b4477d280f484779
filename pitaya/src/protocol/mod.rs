//! The client protocol as pure functions on bytes: packets, messages, routes,
//! the route dictionary, body compression, the handshake and WebSocket
//! framing.
//!
//! Nothing here does I/O or reads a clock, and every decoder is total: any
//! input gives a value, "need more bytes" or a typed error, never a panic.
//! Decoders borrow from their input; encoders append to the caller's buffer
//! and leave it as it was when they fail.

pub mod compression;
pub mod dictionary;
pub mod handshake;
pub mod message;
pub mod packet;
pub mod route;
pub mod websocket;

pub use self::{
    dictionary::{Dictionary, DictionaryError},
    handshake::{HandshakeData, HandshakeError, HandshakeReply, HandshakeSys},
    message::{Message, MessageError, MessageKind, RouteRef},
    packet::{Packet, PacketError, PacketType},
    route::{Route, RouteError},
};
