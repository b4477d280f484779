//! A server of the cluster, as far as discovery goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pitaya::cluster::discovery::etcd::{EtcdConfig, EtcdDiscovery};
use pitaya::cluster::{Change, Directory, Discovery, ServerInfo};

/// What all keys of these tests begin with.
pub const PREFIX: &str = "test/";

/// Settings with times that a test can wait for.
pub fn config(endpoint: &str) -> EtcdConfig {
    EtcdConfig {
        endpoints: vec![endpoint.to_owned()],
        prefix: PREFIX.to_owned(),
        dial_timeout: Duration::from_secs(10),
        // Longer than a busy machine holds a test up.
        heartbeat_ttl: Duration::from_secs(30),
        shutdown_delay: Duration::from_millis(10),
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(300),
        ..EtcdConfig::default()
    }
}

/// The same, with leases that a test can outlive.
pub fn short_lived(endpoint: &str) -> EtcdConfig {
    EtcdConfig {
        heartbeat_ttl: Duration::from_secs(2),
        ..config(endpoint)
    }
}

/// A server of type `game`.
pub fn server(id: &str) -> ServerInfo {
    ServerInfo {
        id: id.to_owned(),
        kind: "game".to_owned(),
        frontend: false,
        metadata: BTreeMap::new(),
        hostname: "host".to_owned(),
    }
}

/// Where the record of a server of type `game` stands.
pub fn key(id: &str) -> String {
    format!("{PREFIX}servers/game/{id}")
}

/// A server that watches, and is announced.
#[derive(Debug)]
pub struct Member {
    /// Its discovery.
    pub discovery: EtcdDiscovery,
    /// What it sees.
    pub directory: Arc<Directory>,
    changes: Arc<Mutex<Vec<String>>>,
}

impl Member {
    /// Watches and registers as a server of type `game`.
    pub async fn join(config: EtcdConfig, id: &str) -> Self {
        let member = Self::look(config, id).await;
        member
            .discovery
            .register(&server(id))
            .await
            .expect("etcd is there");
        member
    }

    /// Watches only.
    pub async fn look(config: EtcdConfig, id: &str) -> Self {
        let (discovery, directory) = (EtcdDiscovery::new(config), Arc::new(Directory::default()));
        let changes = Arc::<Mutex<Vec<_>>>::default();
        let seen = changes.clone();
        directory.listen(move |change| {
            seen.lock().push(match change {
                Change::Added(server) => format!("+{}", server.id),
                Change::Removed(server) => format!("-{}", server.id),
            });
        });
        discovery
            .watch(&server(id), directory.clone())
            .await
            .expect("etcd is there");
        Self {
            discovery,
            directory,
            changes,
        }
    }

    /// The ids of all servers it sees, sorted, with spaces between them.
    pub fn sees(&self) -> String {
        let mut ids: Vec<_> = self
            .directory
            .all()
            .iter()
            .map(|server| server.id.clone())
            .collect();
        ids.sort();
        ids.join(" ")
    }

    /// Which servers it saw come (`+id`) and go (`-id`), in order.
    pub fn changes(&self) -> Vec<String> {
        self.changes.lock().clone()
    }

    /// Waits until it sees exactly these, sorted, with spaces between them.
    pub async fn will_see(&self, ids: &str) {
        let mut last = String::new();
        let what = format!("{ids:?} are seen");
        crate::eventually(&what, || {
            last = self.sees();
            last == ids
        })
        .await;
    }

    /// Leaves as a server that shuts down does.
    pub async fn leave(self) {
        self.discovery.deregister().await.expect("etcd is there");
        self.discovery.close().await.expect("everything ends");
    }
}
