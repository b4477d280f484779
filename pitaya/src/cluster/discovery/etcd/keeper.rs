//! Keeps the own record in etcd: renews its lease, puts it back, registers anew, for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::announced::Announced;
use super::backoff::Backoff;
use super::store::{Lease, Store, StoreError};
use super::until;
use crate::app::config::EtcdConfig;

/// The announcing side of one discovery.
pub(super) struct Keeper {
    pub(super) config: Arc<EtcdConfig>,
    pub(super) store: Arc<Store>,
    pub(super) announced: Arc<Announced>,
    pub(super) registrations: Arc<AtomicU64>,
    pub(super) key: String,
    pub(super) record: String,
}

impl Keeper {
    /// Makes the record stand in etcd, with the last lease if that lives, or with a new one.
    pub(super) async fn announce(&self) -> Result<Lease, StoreError> {
        self.store
            .call(async |connection| {
                let living = match self.announced.lease() {
                    Some(id) => match connection.keep_alive(id).await {
                        Ok(lease) => Some(lease),
                        Err(StoreError::Expired) => None,
                        Err(error) => return Err(error),
                    },
                    None => None,
                };
                let lease = match living {
                    Some(lease) => lease,
                    None => {
                        let (id, _) = connection.grant(self.seconds()).await?;
                        // Known before anything stands on it: whoever stops us here can revoke it.
                        self.announced.set_lease(id);
                        self.registrations.fetch_add(1, Ordering::Relaxed);
                        connection.keep_alive(id).await?
                    }
                };
                connection.write(&self.key, &self.record, lease.id).await?;
                Ok(lease)
            })
            .await
    }

    /// Keeps the announcement standing.
    pub(super) async fn run(self, mut lease: Lease) {
        let mut backoff = self.backoff();
        loop {
            let started = Instant::now();
            let error = self.keep(&mut lease).await;
            self.store.discard(&lease.connection);
            if started.elapsed() >= self.config.retry_max {
                backoff = self.backoff();
            } else {
                sleep(backoff.pause()).await;
            }
            tracing::warn!(%error, "the lease in etcd is not renewed, announcing this server again");
            lease = loop {
                match self.announce().await {
                    Ok(lease) => break lease,
                    Err(error) => tracing::debug!(%error, "this server could not be announced"),
                }
                sleep(backoff.pause()).await;
            };
            tracing::info!(key = self.key, "this server is announced in etcd again");
        }
    }

    /// Renews the lease until that fails.
    async fn keep(&self, lease: &mut Lease) -> StoreError {
        let every = self.ttl() / 3;
        let patience = every.min(self.config.dial_timeout);
        let mut renew = interval_at(Instant::now() + every, every);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answer_by = None;
        loop {
            tokio::select! {
                answer = lease.answers.message() => match answer {
                    Ok(Some(answer)) if answer.ttl() > 0 => {
                        answer_by = None;
                        if self.config.log_heartbeats {
                            tracing::debug!(ttl = answer.ttl(), "the lease in etcd was renewed");
                        }
                    }
                    Ok(Some(_)) => return StoreError::Expired,
                    Ok(None) => return StoreError::Timeout,
                    Err(error) => return error.into(),
                },
                _ = renew.tick() => {
                    match timeout(patience, lease.renew.keep_alive()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return error.into(),
                        Err(_) => return StoreError::Timeout,
                    }
                    answer_by.get_or_insert_with(|| Instant::now() + patience);
                }
                () = until(answer_by) => return StoreError::Timeout,
                () = self.announced.gone.notified() => {
                    tracing::warn!(key = self.key, "this server's record is gone from etcd, putting it back");
                    if let Err(error) = lease.connection.write(&self.key, &self.record, lease.id).await {
                        return error;
                    }
                }
            }
        }
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(self.seconds().unsigned_abs())
    }

    /// Leases count whole seconds.
    fn seconds(&self) -> i64 {
        let ttl = self.config.heartbeat_ttl;
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        i64::try_from(seconds.max(1)).unwrap_or(i64::MAX)
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(self.config.retry_min, self.config.retry_max)
    }
}
