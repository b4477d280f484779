//! Who is there: servers announce themselves and see each other.

#[cfg(feature = "etcd")]
pub mod etcd;
pub mod local;

use std::sync::Arc;

#[cfg(feature = "etcd")]
pub use etcd::EtcdDiscovery;
pub use local::{Hub, LocalDiscovery};

use super::{Directory, ServerInfo};
use crate::error::Result;
use crate::handler::BoxFuture;

/// Finds the servers of a cluster and announces this one.
///
/// In order: `watch`, when the app is ready to call others; `register`, when it can answer;
/// `deregister`, first thing at shutdown; `close`, last. Outages are the implementation's to
/// survive: it retries for ever, and meanwhile the directory keeps what it has.
pub trait Discovery: Send + Sync + 'static {
    /// Fills `directory` and keeps it true from now on. Returns when the servers of this moment are
    /// in it.
    ///
    /// # Errors
    /// When they cannot be read at all.
    fn watch<'a>(
        &'a self,
        own: &'a ServerInfo,
        directory: Arc<Directory>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Announces this server, until `deregister`; puts the announcement back whenever it is lost.
    ///
    /// # Errors
    /// When it cannot be announced now.
    fn register<'a>(&'a self, own: &'a ServerInfo) -> BoxFuture<'a, Result<()>>;

    /// Withdraws the announcement and gives the others time to notice.
    fn deregister(&self) -> BoxFuture<'_, Result<()>>;

    /// Stops watching; no task is left.
    fn close(&self) -> BoxFuture<'_, Result<()>>;

    /// Whether the outside store answers at the moment.
    fn is_healthy(&self) -> BoxFuture<'_, bool>;
}
