//! How an app takes part in a cluster.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use super::discovery::local::{self, LocalDiscovery};
use super::rpc::{Exchange, LocalRpc, is_undelivered};
use super::wire::{BindMsg, Request};
use super::{Discovery, Door, RpcClient, RpcServer, Sender, ServerInfo};
use crate::app::AppHandle;
use crate::app::config::Config;
use crate::error::{Error, Result};
use crate::uid::Uid;

/// How an app takes part in a cluster: its discovery and its transport.
///
/// ```no_run
/// use pitaya::cluster::Cluster;
/// // Several apps of one process, nothing else to start:
/// let hub = pitaya::cluster::Hub::new();
/// let cluster = Cluster::local(&hub);
/// ```
pub struct Cluster {
    pub(crate) client: Arc<dyn RpcClient>,
    pub(crate) server: Arc<dyn RpcServer>,
    pub(crate) discovery: Arc<dyn Discovery>,
    pub(crate) timeout: Duration,
    pub(crate) unique: bool,
}

impl Cluster {
    /// A cluster of these parts.
    pub fn new(
        client: Arc<dyn RpcClient>,
        server: Arc<dyn RpcServer>,
        discovery: Arc<dyn Discovery>,
    ) -> Self {
        Self {
            client,
            server,
            discovery,
            timeout: Duration::from_secs(5),
            unique: true,
        }
    }

    /// How long calls wait when nobody says otherwise. Default: 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether a user has one session only on all frontends of a type: a later bind kicks the
    /// earlier session. Default: yes.
    #[must_use]
    pub fn unique_sessions(mut self, unique: bool) -> Self {
        self.unique = unique;
        self
    }

    /// A cluster inside this process: every app that is given the same hub belongs to it.
    pub fn local(hub: &Hub) -> Self {
        let rpc = Arc::new(LocalRpc::new(&hub.exchange));
        Self::new(
            rpc.clone(),
            rpc,
            Arc::new(LocalDiscovery::new(&hub.servers)),
        )
    }
}

/// What the apps of a cluster inside one process share; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    exchange: Exchange,
    servers: local::Hub,
}

impl Hub {
    /// A hub without servers.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A cluster, or how to make one from the configuration.
pub trait IntoCluster: Send + 'static {
    /// The cluster's parts, for this server.
    ///
    /// # Errors
    /// When the configuration does not allow it.
    fn into_cluster(self, config: &Config, own: &ServerInfo) -> Result<Cluster>;
}

/// Unique sessions can be switched off here and in the configuration.
impl IntoCluster for Cluster {
    fn into_cluster(self, config: &Config, _: &ServerInfo) -> Result<Cluster> {
        let unique = self.unique && config.session.unique;
        Ok(self.unique_sessions(unique))
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// How far servers' clocks may be apart, in nanoseconds.
const CLOCKS_DIFFER_BY: u64 = 3_600_000_000_000;

/// A cluster as a running app knows it.
pub(crate) struct Connected {
    pub(crate) client: Arc<dyn RpcClient>,
    pub(crate) server: Arc<dyn RpcServer>,
    pub(crate) discovery: Arc<dyn Discovery>,
    /// How long calls wait when nobody says otherwise.
    pub(crate) timeout: Duration,
    /// A user has one session on frontends of this type.
    pub(crate) unique: bool,
    /// What this server's calls begin with.
    pub(crate) sender: Sender,
    /// The app's own services, which it keeps alive itself.
    pub(crate) here: OnceLock<Door>,
    /// The latest bind that this server made or heard of.
    latest_bind: AtomicU64,
}

impl Connected {
    pub(crate) fn new(cluster: Cluster, own: &ServerInfo) -> Self {
        Self {
            sender: Sender::new(own),
            client: cluster.client,
            server: cluster.server,
            discovery: cluster.discovery,
            timeout: cluster.timeout,
            unique: cluster.unique,
            here: OnceLock::new(),
            latest_bind: AtomicU64::new(0),
        }
    }

    /// Calls another server, and keeps in the directory what that tells of it.
    pub(crate) fn call<'a>(
        &'a self,
        app: &'a AppHandle,
        server: &'a ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> impl Future<Output = Result<Bytes>> + 'a {
        let calling = self.client.call(server, request, timeout);
        async move {
            let result = calling.await;
            match &result {
                Ok(_) => app.directory().trust(&server.id),
                Err(error) if is_undelivered(error) => app.directory().suspect(&server.id),
                // Of the others nobody knows whether the server or the way there failed.
                Err(_) => {}
            }
            result
        }
    }

    /// Serves a call of this server's own, without the transport.
    pub(crate) async fn serve_here(
        &self,
        own: &ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> Result<Bytes> {
        let Some(here) = self.here.get() else {
            return Err(Error::msg("RPC server is not running"));
        };
        super::rpc::ask(here, own, &own.id, request, timeout).await
    }

    /// The time of a bind that is made now: later than every one that was heard of, also where
    /// clocks differ. So of two binds of one user the one that did not know of the other loses, and
    /// when neither did, both servers come to the same judgement.
    pub(crate) fn bind_epoch(&self) -> u64 {
        let now = super::unix_nanos();
        let later = |latest: u64| now.max(latest.saturating_add(1));
        let earlier =
            self.latest_bind
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |latest| {
                    Some(later(latest))
                });
        earlier.map_or(now, later)
    }

    /// A bind was announced by another server.
    pub(crate) fn bound_elsewhere(&self, epoch: u64) {
        // A clock that is wrong by hours would be everybody's from then on.
        if epoch < super::unix_nanos().saturating_add(CLOCKS_DIFFER_BY) {
            self.latest_bind.fetch_max(epoch, Ordering::AcqRel);
        }
    }

    /// Tells the other servers of this type that the user is here now.
    pub(crate) async fn announce(&self, app: &AppHandle, uid: &Uid, epoch: u64) {
        let own = app.server();
        let bind = BindMsg {
            uid: uid.to_string(),
            fid: own.id.clone(),
            epoch,
        };
        if let Err(error) = self.client.announce(&own.kind, bind).await {
            tracing::warn!(%uid, %error, "a bind was not announced");
        }
    }
}
