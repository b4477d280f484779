//! Clusters: servers that find each other, call each other, and forward their clients' messages.
//!
//! What leaves the process stands behind two traits with an implementation in the process itself:
//! [`Discovery`] tells who is there, [`RpcClient`] and [`RpcServer`] carry calls. Neither knows
//! sessions or handlers; they hand requests to the app's [`Inbox`] and fill its [`Directory`].

mod directory;
pub mod discovery;
mod metadata;
pub mod rpc;
mod server;
pub mod wire;

pub use directory::{Change, Directory};
pub use discovery::Discovery;
pub use metadata::Metadata;
pub use rpc::{Inbox, RpcClient, RpcServer};
pub use server::{RecordError, ServerInfo};
