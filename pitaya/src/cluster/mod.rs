//! Clusters: servers that find each other, call each other, and forward their clients' messages.
//!
//! What leaves the process stands behind two traits with an implementation in the process itself:
//! [`Discovery`] tells who is there, [`RpcClient`] and [`RpcServer`] carry calls. Neither knows
//! sessions or handlers; they hand requests to the app's [`Inbox`] and fill its [`Directory`].

mod call;
mod directory;
pub mod discovery;
mod forward;
mod metadata;
pub mod remote;
pub mod router;
pub mod rpc;
pub(crate) mod server;
mod service;
mod state;
pub mod sys;
mod turns;
pub mod wire;

pub(crate) use call::{UserCall, timed_out};
pub use directory::{Change, Directory};
pub use discovery::Discovery;
pub(crate) use forward::{Forward, Lanes, forward};
pub use metadata::Metadata;
pub(crate) use metadata::Sender;
pub use rpc::{Inbox, RpcClient, RpcServer};
pub use server::{RecordError, ServerInfo};
pub(crate) use service::{Door, RemoteTable, Remotes, Service};
pub(crate) use state::Connected;
pub use state::{Cluster, Hub, IntoCluster};

/// A new id under which the logs of all servers tell of one request.
pub(crate) fn request_id() -> String {
    request_text(fastrand::u128(..))
}

/// Such an id as it travels.
pub(crate) fn request_text(id: u128) -> String {
    let id = uuid::Uuid::from_u128(id).simple();
    id.encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned()
}

/// The time of day, for others: nanoseconds since 1970.
pub(crate) fn unix_nanos() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
