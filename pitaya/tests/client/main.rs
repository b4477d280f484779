//! The client library against a server that speaks the protocol by hand.

mod ending;
mod handshake;
mod pushes;
mod requests;
mod server;
mod transports;
mod typed;
