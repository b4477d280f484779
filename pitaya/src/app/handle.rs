//! The handle to an app: what handlers, tasks and other code reach it by.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::config::Config;
use crate::cluster::remote::{AfterRemoteHook, BeforeRemoteHook};
use crate::cluster::router::Routers;
use crate::cluster::{Connected, Directory, ServerInfo};
use crate::docs::Tables;
use crate::error::{Error, Result};
use crate::groups::GroupService;
use crate::handler::{AfterHook, Around, BeforeHook, BoxFuture};
use crate::message::Serializer;
use crate::observe::Metrics;
use crate::observe::trace::Propagator;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::HandshakeData;
use crate::session::outbound::End;
use crate::session::{CloseReason, Session, SessionPool, Sessions};
use crate::uid::Uid;

pub(crate) type BindCallback =
    Arc<dyn Fn(Session, Uid) -> BoxFuture<'static, Result<()>> + Send + Sync>;
pub(super) type CloseCallback =
    Arc<dyn Fn(Session, CloseReason) -> BoxFuture<'static, ()> + Send + Sync>;
pub(super) type Validator =
    Arc<dyn Fn(Session, Arc<HandshakeData>) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A handle to an app; cheap to clone.
///
/// It does not keep the app's services alive, so a service may hold one.
#[derive(Clone)]
pub struct AppHandle(pub(super) Arc<Shared>);

/// Everything of an app but its services.
pub(super) struct Shared {
    pub(super) server: ServerInfo,
    pub(super) config: Config,
    pub(super) limits: Limits,
    pub(super) serializer: Serializer,
    pub(super) dictionary: Dictionary,
    pub(super) pool: SessionPool,
    pub(super) groups: Arc<dyn GroupService>,
    pub(super) metrics: Metrics,
    pub(super) propagator: Arc<dyn Propagator>,
    pub(super) hooks: Hooks,
    pub(super) directory: Arc<Directory>,
    pub(super) cluster: Option<Connected>,
    pub(super) routers: Routers,
    pub(super) tables: Tables,
    pub(super) modules: BTreeMap<String, Arc<dyn Any + Send + Sync>>,
    /// Connections and calls of their own task.
    pub(super) tasks: TaskTracker,
    /// Set when everything has started, cleared when the shutdown begins.
    pub(super) running: AtomicBool,
    /// No further call starts: connections close when the one under way has ended.
    pub(super) draining: AtomicBool,
    /// Somebody asks for the shutdown.
    pub(super) stop: CancellationToken,
    /// A connection has ended.
    pub(super) ended: Notify,
    /// Connections whose handshake is not done.
    pub(super) pending: AtomicUsize,
    /// When the app was built.
    pub(super) since: Instant,
}

/// What the application hangs into the course of things.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) handlers: Around<dyn BeforeHook, dyn AfterHook>,
    pub(crate) remotes: Around<dyn BeforeRemoteHook, dyn AfterRemoteHook>,
    pub(super) validators: Vec<(String, Validator)>,
    pub(super) bind: Vec<BindCallback>,
    pub(super) after_bind: Vec<BindCallback>,
    pub(super) close: Vec<CloseCallback>,
}

impl AppHandle {
    /// Who this server is.
    pub fn server(&self) -> &ServerInfo {
        &self.0.server
    }

    /// What the app was configured with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// How message bodies are encoded.
    pub fn serializer(&self) -> &Serializer {
        &self.0.serializer
    }

    /// The route dictionary.
    pub fn dictionary(&self) -> &Dictionary {
        &self.0.dictionary
    }

    /// The sessions of the clients that are connected to this server.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }

    /// The module of this name.
    pub fn module<M: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<M>> {
        self.0.modules.get(name)?.clone().downcast().ok()
    }

    /// Whether everything has started and no shutdown has begun.
    pub fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Acquire)
    }

    /// Whether this server can do its part: it is running and, in a cluster, connected for calls both
    /// ways, and its discovery answers.
    pub async fn is_ready(&self) -> bool {
        if !self.is_running() {
            return false;
        }
        match &self.0.cluster {
            None => true,
            Some(cluster) => {
                cluster.client.is_connected()
                    && cluster.server.is_connected()
                    && cluster.discovery.is_healthy().await
            }
        }
    }

    /// Asks for an orderly shutdown and returns at once; whoever runs the app carries it out.
    pub fn shutdown(&self) {
        self.0.stop.cancel();
    }

    /// The servers of the cluster that are known at the moment; of a standalone app none.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.0.directory
    }

    /// The server of this id, this one included.
    ///
    /// # Errors
    /// `PIT-000 can't find any server with the provided ID`.
    pub fn server_by_id(&self, id: &str) -> Result<Arc<ServerInfo>> {
        let server = self.0.directory.by_id(id);
        server.ok_or_else(|| Error::msg("can't find any server with the provided ID"))
    }

    /// The servers of this type, sorted by id.
    ///
    /// # Errors
    /// `PIT-000 no servers available of this type`.
    pub fn servers_by_type(&self, kind: &str) -> Result<Arc<[Arc<ServerInfo>]>> {
        let servers = self.0.directory.of_kind(kind);
        if servers.is_empty() {
            return Err(Error::msg("no servers available of this type"));
        }
        Ok(servers)
    }

    /// How this app takes part in a cluster.
    pub(crate) fn cluster(&self) -> Result<&Connected> {
        self.0
            .cluster
            .as_ref()
            .ok_or_else(|| Error::msg("RPC server is not running"))
    }

    pub(crate) fn routers(&self) -> &Routers {
        &self.0.routers
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.0.tables
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn propagator(&self) -> &dyn Propagator {
        &*self.0.propagator
    }

    pub(crate) fn compresses(&self) -> bool {
        self.0.config.handler.compression
    }

    pub(crate) fn validates(&self) -> bool {
        self.0.config.pipelines.struct_validation
    }

    pub(crate) fn pool(&self) -> &SessionPool {
        &self.0.pool
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }

    pub(crate) fn validators(&self) -> &[(String, Validator)] {
        &self.0.hooks.validators
    }

    pub(crate) fn bind_callbacks(&self) -> &[BindCallback] {
        &self.0.hooks.bind
    }

    pub(crate) fn after_bind_callbacks(&self) -> &[BindCallback] {
        &self.0.hooks.after_bind
    }

    pub(crate) fn close_callbacks(&self) -> &[CloseCallback] {
        &self.0.hooks.close
    }

    /// Waits until the shutdown begins.
    pub(crate) async fn stopping(&self) {
        self.0.stop.cancelled().await;
    }

    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// A session has left the pool; its connection may still be closing.
    pub(crate) fn session_gone(&self) {
        self.0.ended.notify_waiters();
    }

    /// A connection's task has ended.
    pub(crate) fn connection_ended(&self, session: &Session) {
        let metrics = self.metrics();
        metrics.connection_closed(session.close_reason().unwrap_or(CloseReason::Internal));
        metrics.connected_clients.set(self.pool().count() as f64);
        self.session_gone();
    }

    /// Closes those clients for whom the most waits, until what waits for the others is not too much.
    pub(super) fn give_up_slowest(&self) {
        let backlog = &self.limits().outbound.backlog;
        let clients = self.pool().all().into_iter();
        let counted = clients.map(|session| (session.out().counted(), session));
        for session in backlog.slowest(counted.collect()) {
            tracing::warn!(
                session = session.id(),
                "closing a client that does not keep up: too much waits for all together"
            );
            session.end(CloseReason::SlowReader, End::Drop, &[]);
            // Its memory is needed now, not when its task has run.
            session.disconnected(CloseReason::SlowReader);
        }
    }

    /// Waits until no session is left, at most `deadline`.
    pub(crate) async fn connections_ended(&self, deadline: Duration) {
        let all = async {
            loop {
                let ended = self.0.ended.notified();
                if self.pool().count() == 0 {
                    return;
                }
                ended.await;
            }
        };
        let _ = tokio::time::timeout(deadline, all).await;
    }
}

impl fmt::Debug for AppHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppHandle")
            .field("server", &self.0.server)
            .finish_non_exhaustive()
    }
}
