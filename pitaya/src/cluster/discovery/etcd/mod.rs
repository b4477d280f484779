//! Discovery through etcd, in one cluster with Go servers.
//!
//! Two tasks: one watches, one keeps the own record standing. Neither ever gives up, and neither ever
//! ends the process: while etcd is away the known servers stay known, and when it is back everything
//! is put right, also when it has forgotten everything.
//!
//! The build script of the client crate needs `protoc`. Within Pitaya's own workspace a stand-in is
//! built when it is needed; a project that depends on `pitaya` with the feature `etcd` installs one
//! (Debian: `protobuf-compiler` and `libprotobuf-dev`) or sets `PROTOC`.

mod announced;
mod backoff;
mod keeper;
mod keys;
mod store;
mod view;
mod watcher;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::announced::Announced;
use self::backoff::Backoff;
use self::keeper::Keeper;
use self::keys::Keys;
use self::store::{Store, StoreError};
use self::view::{Missing, View};
use self::watcher::Watcher;
use super::Discovery;
pub use crate::app::config::EtcdConfig;
use crate::cluster::{Directory, ServerInfo};
use crate::error::{Error, Result, codes};
use crate::handler::BoxFuture;

/// Discovery through etcd: `pitaya.cluster.sd.etcd.*`.
///
/// ```no_run
/// # async fn run(own: pitaya::cluster::ServerInfo) -> pitaya::Result<()> {
/// use pitaya::cluster::discovery::etcd::{EtcdConfig, EtcdDiscovery};
/// use pitaya::cluster::{Directory, Discovery};
///
/// let discovery = EtcdDiscovery::new(EtcdConfig::default());
/// let directory = std::sync::Arc::new(Directory::default());
/// discovery.watch(&own, directory.clone()).await?;
/// discovery.register(&own).await?;
/// # Ok(()) }
/// ```
pub struct EtcdDiscovery {
    config: Arc<EtcdConfig>,
    keys: Arc<Keys>,
    store: Arc<Store>,
    announced: Arc<Announced>,
    /// Where the own server is put too.
    directory: Mutex<Option<Arc<Directory>>>,
    keeping: Mutex<Option<Keeping>>,
    tasks: TaskTracker,
    closed: CancellationToken,
    skipped: Arc<AtomicU64>,
    registrations: Arc<AtomicU64>,
    rebuilds: Arc<AtomicU64>,
}

/// The task that keeps the own record standing.
struct Keeping {
    own_id: String,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl EtcdDiscovery {
    /// Discovery with these settings; nothing is connected yet.
    pub fn new(config: EtcdConfig) -> Self {
        let config = Arc::new(config);
        Self {
            keys: Arc::new(Keys::new(&config.prefix)),
            store: Arc::new(Store::new(config.clone())),
            config,
            announced: Arc::default(),
            directory: Mutex::default(),
            keeping: Mutex::default(),
            tasks: TaskTracker::new(),
            closed: CancellationToken::new(),
            skipped: Arc::default(),
            registrations: Arc::default(),
            rebuilds: Arc::default(),
        }
    }

    /// How many times a record was met that is none of a server.
    pub fn skipped_records(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// How many leases were granted to this server so far: one, and one for each that was lost.
    pub fn registrations(&self) -> u64 {
        self.registrations.load(Ordering::Relaxed)
    }

    /// How many times the watch was lost and the list of servers read anew.
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds.load(Ordering::Relaxed)
    }

    async fn start_watching(&self, own: &ServerInfo, directory: Arc<Directory>) -> Result<()> {
        if self.closed.is_cancelled() || self.directory().is_some() {
            return Err(Error::msg("this discovery watches already, or is closed"));
        }
        let mut watcher = Watcher {
            config: self.config.clone(),
            keys: self.keys.clone(),
            store: self.store.clone(),
            view: View::new(
                self.keys.clone(),
                &own.id,
                &self.config.blacklist,
                directory.clone(),
                self.announced.clone(),
                self.skipped.clone(),
            ),
            rebuilds: self.rebuilds.clone(),
        };
        let read = self
            .within(self.config.dial_timeout, || watcher.read())
            .await;
        let snapshot = read.map_err(|error| self.failed("read", &error))?;
        watcher
            .view
            .replace(&snapshot.records, Missing::Left, Instant::now());
        *self.directory.lock() = Some(directory);
        let closed = self.closed.clone();
        self.tasks.spawn(async move {
            closed
                .run_until_cancelled(Box::pin(watcher.run(snapshot.revision)))
                .await;
        });
        Ok(())
    }

    async fn start_keeping(&self, own: &ServerInfo) -> Result<()> {
        let Some(key) = self.keys.of(own) else {
            return Err(Error::msg(
                "a server's type and id must not be empty or contain a slash",
            ));
        };
        self.stop_keeping().await;
        let keeper = Keeper {
            config: self.config.clone(),
            store: self.store.clone(),
            announced: self.announced.clone(),
            registrations: self.registrations.clone(),
            record: own.to_record(),
            key,
        };
        // First, so that the record's loss is noticed from its first moment on.
        self.announced.begin(&keeper.key);
        let announced = self
            .within(self.config.dial_timeout, || keeper.announce())
            .await;
        let lease = announced.map_err(|error| self.failed("write to", &error))?;
        if let Some(directory) = self.directory() {
            directory.add(own.clone());
        }
        let stop = self.closed.child_token();
        let stopped = stop.clone();
        let task = self.tasks.spawn(async move {
            stopped
                .run_until_cancelled(Box::pin(keeper.run(lease)))
                .await;
        });
        *self.keeping.lock() = Some(Keeping {
            own_id: own.id.clone(),
            stop,
            task,
        });
        Ok(())
    }

    /// Ends the task that keeps the record standing: whose it was.
    async fn stop_keeping(&self) -> Option<String> {
        let keeping = self.keeping.lock().take()?;
        keeping.stop.cancel();
        // An error would mean that it has ended by itself.
        let _ = keeping.task.await;
        Some(keeping.own_id)
    }

    async fn withdraw(&self) -> Result<()> {
        let own_id = self.stop_keeping().await;
        let lease = self.announced.end();
        if let (Some(id), Some(directory)) = (own_id, self.directory()) {
            directory.remove(&id);
        }
        let Some(lease) = lease else { return Ok(()) };
        let revoke = || {
            self.store
                .call(async |connection| connection.revoke(lease).await)
        };
        let revoked = self.within(self.config.revoke_timeout, revoke).await;
        revoked.map_err(|error| self.failed("withdraw from", &error))?;
        sleep(self.config.shutdown_delay).await;
        Ok(())
    }

    /// The directory, without the lock: its listeners must not run under that.
    fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.lock().clone()
    }

    /// Attempts until one works or the time is up.
    async fn within<T, F>(
        &self,
        limit: Duration,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let deadline = Instant::now() + limit;
        let mut backoff = Backoff::new(self.config.retry_min, self.config.retry_max);
        let mut last = StoreError::Timeout;
        while let Ok(answer) = timeout_at(deadline, attempt()).await {
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
            let pause = Instant::now() + backoff.pause();
            if pause >= deadline {
                break;
            }
            tokio::time::sleep_until(pause).await;
        }
        Err(last)
    }

    fn failed(&self, what: &str, error: &StoreError) -> Error {
        let endpoints = self.config.endpoints.join(", ");
        Error::new(
            codes::INTERNAL,
            format!("cannot {what} etcd at {endpoints}: {error}"),
        )
    }
}

impl Discovery for EtcdDiscovery {
    fn watch<'a>(
        &'a self,
        own: &'a ServerInfo,
        directory: Arc<Directory>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.start_watching(own, directory))
    }

    fn register<'a>(&'a self, own: &'a ServerInfo) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.start_keeping(own))
    }

    fn deregister(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.withdraw())
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.closed.cancel();
            self.tasks.close();
            self.tasks.wait().await;
            self.store.close();
            Ok(())
        })
    }

    fn is_healthy(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let key = self.keys.health_check();
            let probe = self.store.call(|connection| connection.probe(key));
            matches!(
                tokio::time::timeout(self.config.revoke_timeout, probe).await,
                Ok(Ok(()))
            )
        })
    }
}

impl Drop for EtcdDiscovery {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl fmt::Debug for EtcdDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdDiscovery")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Waits until then; for ever if there is no time to wait for.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
