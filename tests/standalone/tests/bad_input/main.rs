//! What clients should not send, and what becomes of it: its sender gets the outcome that the client
//! protocol gives, and nobody else notices.
#![allow(missing_docs)]

mod bodies;
mod handshakes;
mod memory;
mod messages;
mod order;
mod packets;
mod routes;
mod scene;
mod slow;
mod websocket;
