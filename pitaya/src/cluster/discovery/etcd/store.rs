//! Calls to etcd: one connection, made when needed, every call with a limit in time.
//!
//! The client rebuilds neither watches nor leases nor lost logins. Whoever meets an error here
//! discards the connection, and the next one to ask gets a new one. Nothing here retries.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Client, ConnectOptions, GetOptions, KeyValue, LeaseKeepAliveStream, LeaseKeeper, PutOptions,
    WatchOptions, WatchStream,
};
use parking_lot::Mutex;
use thiserror::Error;

use super::keys::Keys;
use crate::app::config::EtcdConfig;

/// Records read in one call.
const PAGE: i64 = 128;

/// A page of the largest values that etcd takes.
const LARGEST_PAGE: usize = 256 << 20;

/// How often the connection asks whether the other side is there; etcd refuses less than 5 s.
const PING: Duration = Duration::from_secs(10);

/// Why a call to etcd failed.
#[derive(Debug, Error)]
pub(super) enum StoreError {
    #[error("no answer in time")]
    Timeout,
    #[error("the lease has expired")]
    Expired,
    #[error("{0}")]
    Etcd(#[from] etcd_client::Error),
}

/// The one connection.
pub(super) struct Store {
    config: Arc<EtcdConfig>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    made: u64,
}

/// A connection that worked when it was made.
#[derive(Clone)]
pub(super) struct Connection {
    client: Arc<Client>,
    limit: Duration,
    number: u64,
}

/// Every record of one moment.
pub(super) struct Snapshot {
    pub(super) revision: i64,
    pub(super) records: Vec<Record>,
}

/// One key's value and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) mark: Mark,
}

/// What tells a record apart from an equal one that was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) revision: i64,
    /// 0 for none. No two leases ever have the same number, also not if etcd forgets everything.
    pub(super) lease: i64,
}

impl Mark {
    pub(super) fn of(record: &KeyValue) -> Self {
        Self {
            revision: record.mod_revision(),
            lease: record.lease(),
        }
    }
}

/// A lease while it is kept alive.
pub(super) struct Lease {
    pub(super) id: i64,
    pub(super) connection: Connection,
    pub(super) renew: LeaseKeeper,
    pub(super) answers: LeaseKeepAliveStream,
}

impl Store {
    pub(super) fn new(config: Arc<EtcdConfig>) -> Self {
        Self {
            config,
            current: Mutex::default(),
        }
    }

    /// The connection, a new one if there is none.
    pub(super) async fn connection(&self) -> Result<Connection, StoreError> {
        if let Some(connection) = &self.current.lock().connection {
            return Ok(connection.clone());
        }
        let config = &self.config;
        let mut options = ConnectOptions::new()
            // One endpoint of several that does not answer must leave time to try another.
            .with_connect_timeout(config.dial_timeout / 2)
            .with_keep_alive(PING, config.dial_timeout)
            .with_keep_alive_while_idle(false)
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        if !config.user.is_empty() && !config.pass.is_empty() {
            options = options.with_user(&config.user, &config.pass);
        }
        let connect = Client::connect(&config.endpoints, Some(options));
        let client = Arc::new(bounded(config.dial_timeout, connect).await?);
        let mut current = self.current.lock();
        current.made += 1;
        let connection = Connection {
            client,
            limit: config.dial_timeout,
            number: current.made,
        };
        current.connection = Some(connection.clone());
        Ok(connection)
    }

    /// Lets nobody get this connection any more.
    pub(super) fn discard(&self, connection: &Connection) {
        let mut current = self.current.lock();
        if current
            .connection
            .as_ref()
            .is_some_and(|known| known.number == connection.number)
        {
            current.connection = None;
        }
    }

    /// Lets go of the connection.
    pub(super) fn close(&self) {
        self.current.lock().connection = None;
    }

    /// Runs `call` on the connection and discards that when it fails.
    pub(super) async fn call<T, F>(
        &self,
        call: impl FnOnce(Connection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let connection = self.connection().await?;
        let answer = Box::pin(call(connection.clone())).await;
        if answer.is_err() {
            self.discard(&connection);
        }
        answer
    }
}

impl Connection {
    /// All records below the prefix, as they were at one moment however many calls that takes.
    pub(super) async fn read_all(self, keys: &Keys) -> Result<Snapshot, StoreError> {
        let mut kv = self
            .client
            .kv_client()
            .max_decoding_message_size(LARGEST_PAGE);
        let mut snapshot = Snapshot {
            revision: 0,
            records: Vec::new(),
        };
        let mut from = keys.servers().into_bytes();
        loop {
            let options = GetOptions::new()
                .with_range(keys.servers_end())
                .with_limit(PAGE)
                .with_revision(snapshot.revision);
            let mut page = bounded(self.limit, kv.get(from.as_slice(), Some(options))).await?;
            if snapshot.revision == 0 {
                snapshot.revision = page.header().map_or(0, |header| header.revision());
            }
            let more = page.more();
            snapshot
                .records
                .extend(page.take_kvs().into_iter().map(|record| {
                    let mark = Mark::of(&record);
                    let (key, value) = record.into_key_value();
                    Record { key, value, mark }
                }));
            match snapshot.records.last() {
                // The next key that can exist.
                Some(last) if more => from = [last.key.as_slice(), b"\0"].concat(),
                _ => return Ok(snapshot),
            }
        }
    }

    /// What happens to the records behind this revision.
    pub(super) async fn watch(self, keys: &Keys, after: i64) -> Result<WatchStream, StoreError> {
        let options = WatchOptions::new()
            .with_range(keys.servers_end())
            .with_start_revision(after.saturating_add(1))
            .with_fragment();
        let mut client = self
            .client
            .watch_client()
            .max_decoding_message_size(LARGEST_PAGE);
        bounded(self.limit, client.watch(keys.servers(), Some(options))).await
    }

    /// A new lease of this many seconds; how many were granted, too.
    pub(super) async fn grant(&self, seconds: i64) -> Result<(i64, i64), StoreError> {
        let mut client = self.client.lease_client();
        let lease = bounded(self.limit, client.grant(seconds, None)).await?;
        Ok((lease.id(), lease.ttl()))
    }

    /// Starts keeping a lease alive; it has been renewed once then.
    pub(super) async fn keep_alive(&self, id: i64) -> Result<Lease, StoreError> {
        let mut client = self.client.lease_client();
        match bounded(self.limit, client.keep_alive(id)).await {
            Ok((renew, answers)) => Ok(Lease {
                id,
                connection: self.clone(),
                renew,
                answers,
            }),
            Err(StoreError::Etcd(etcd_client::Error::LeaseKeepAliveError(_))) => {
                Err(StoreError::Expired)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn revoke(&self, id: i64) -> Result<(), StoreError> {
        let mut client = self.client.lease_client();
        bounded(self.limit, client.revoke(id)).await.map(drop)
    }

    /// Makes sure that this record stands at this key with this lease.
    pub(super) async fn write(
        &self,
        key: &str,
        record: &str,
        lease: i64,
    ) -> Result<(), StoreError> {
        let mut kv = self.client.kv_client();
        let found = bounded(self.limit, kv.get(key, None)).await?;
        if let Some(there) = found.kvs().first() {
            let same = there.value() == record.as_bytes();
            if same && there.lease() == lease {
                return Ok(());
            }
            if !same {
                // Go servers take no change of a record, only a new one.
                bounded(self.limit, kv.delete(key, None)).await?;
            }
        }
        let options = PutOptions::new().with_lease(lease);
        bounded(self.limit, kv.put(key, record, Some(options)))
            .await
            .map(drop)
    }

    /// Reads one key, for the answer's sake.
    pub(super) async fn probe(self, key: String) -> Result<(), StoreError> {
        let mut kv = self.client.kv_client();
        let options = GetOptions::new().with_limit(1);
        bounded(self.limit, kv.get(key, Some(options)))
            .await
            .map(drop)
    }
}

async fn bounded<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, StoreError> {
    // The client's futures are large, and nothing here is called often.
    match tokio::time::timeout(limit, Box::pin(call)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Timeout),
    }
}
