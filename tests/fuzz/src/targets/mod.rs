//! One module for each target. Its documentation says what the bytes mean and what must hold.

pub mod configuration;
pub mod connection;
pub mod handshakes;
pub mod machine;
pub mod messages;
pub mod packets;
pub mod proxies;
pub mod records;
pub mod websocket;
