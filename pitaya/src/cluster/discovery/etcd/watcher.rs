//! Keeps the directory true: reads everything, watches from there, and reads everything again
//! whenever the watch is lost.
//!
//! A watch is never resumed: what it may have missed is in the next reading. While etcd does not
//! answer, the directory stays as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::WatchResponse;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::backoff::Backoff;
use super::keys::Keys;
use super::store::{Mark, Snapshot, Store, StoreError};
use super::until;
use super::view::{Missing, View};
use crate::app::config::EtcdConfig;

/// The watching side of one discovery.
pub(super) struct Watcher {
    pub(super) config: Arc<EtcdConfig>,
    pub(super) keys: Arc<Keys>,
    pub(super) store: Arc<Store>,
    pub(super) view: View,
    pub(super) rebuilds: Arc<AtomicU64>,
}

/// How a watch ended.
enum Ended {
    /// What it would have told is in etcd no more; etcd itself is well.
    Compacted,
    /// The connection, or etcd, is gone.
    Lost(String),
}

impl Watcher {
    /// Reads the list of this moment.
    pub(super) async fn read(&self) -> Result<Snapshot, StoreError> {
        self.store
            .call(|connection| connection.read_all(&self.keys))
            .await
    }

    /// Follows from the moment of `revision` on, for ever.
    pub(super) async fn run(mut self, mut revision: i64) {
        let mut backoff = self.backoff();
        loop {
            let started = Instant::now();
            let ended = self.follow(revision).await;
            if started.elapsed() >= self.config.retry_max {
                backoff = self.backoff();
            } else {
                // A watch that ends at once must not be made anew without a pause.
                sleep(backoff.pause()).await;
            }
            let (missing, cause) = match ended {
                Ended::Compacted => (Missing::Left, "compacted".to_owned()),
                Ended::Lost(cause) => (Missing::Wait(self.grace()), cause),
            };
            tracing::warn!(%cause, "the watch on etcd is lost, the known servers stay meanwhile");
            let snapshot = loop {
                match self.read().await {
                    Ok(snapshot) => break snapshot,
                    Err(error) => tracing::debug!(%error, "etcd cannot be read"),
                }
                sleep(backoff.pause()).await;
            };
            self.view
                .replace(&snapshot.records, missing, Instant::now());
            revision = snapshot.revision;
            self.rebuilds.fetch_add(1, Ordering::Relaxed);
            tracing::info!(revision, "the list of servers was read anew from etcd");
        }
    }

    /// Applies what happens behind `read_at` until the watch ends.
    async fn follow(&mut self, mut read_at: i64) -> Ended {
        let watch = self
            .store
            .call(|connection| connection.watch(&self.keys, read_at))
            .await;
        let mut watch = match watch {
            Ok(watch) => watch,
            Err(error) => return Ended::Lost(error.to_string()),
        };
        let every = self.config.sync_interval.max(Duration::from_millis(1));
        let mut sync = interval_at(Instant::now() + every, every);
        sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let lost = tokio::select! {
                message = watch.message() => match message {
                    Ok(Some(message)) if !message.canceled() => {
                        self.apply(&message, read_at);
                        continue;
                    }
                    Ok(Some(message)) if message.compact_revision() > 0 => {
                        return Ended::Compacted;
                    }
                    Ok(Some(message)) => message.cancel_reason().to_owned(),
                    Ok(None) => "the stream has ended".to_owned(),
                    Err(error) => error.to_string(),
                },
                _ = sync.tick() => match self.read().await {
                    Ok(snapshot) => {
                        self.view.replace(&snapshot.records, Missing::Left, Instant::now());
                        read_at = snapshot.revision;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                () = until(self.view.next_expiry()) => {
                    self.view.expire(Instant::now());
                    continue;
                }
            };
            if let Ok(connection) = self.store.connection().await {
                self.store.discard(&connection);
            }
            return Ended::Lost(lost);
        }
    }

    /// Applies the events that the list read at `read_at` did not have.
    fn apply(&mut self, message: &WatchResponse, read_at: i64) {
        for record in message.events().iter().filter_map(|event| event.kv()) {
            if record.mod_revision() <= read_at {
                continue;
            }
            // A deletion starts the counting of versions anew. (The client's own answer to what an
            // event is panics on kinds it doesn't know.)
            if record.version() == 0 {
                self.view.delete(record.key());
            } else {
                self.view
                    .put(record.key(), record.value(), Mark::of(record));
            }
        }
    }

    /// How long servers that etcd has lost may take to announce themselves again.
    fn grace(&self) -> Duration {
        (self.config.retry_max * 2 + Duration::from_secs(1)).min(self.config.heartbeat_ttl)
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.config.retry_min, self.config.retry_max)
    }
}
