//! The settings of a cluster: plain structs with defaults, as in `settings`.

use std::fmt;
use std::time::Duration;

use super::nats::NatsConfig;

/// How an app takes part in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Cluster {
    /// Discovery through etcd.
    pub etcd: EtcdConfig,
    /// Calls over NATS.
    pub nats: NatsConfig,
}

/// Discovery through etcd.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct EtcdConfig {
    /// Where etcd listens, `host:port` or `http://host:port`; at least one. Default: `localhost:2379`.
    pub endpoints: Vec<String>,
    /// The user's name; used only where [`EtcdConfig::pass`] is set too. Default: none.
    pub user: String,
    /// The user's password. Default: none.
    pub pass: String,
    /// How long a connection, and one call on it, may take. Default: 5s.
    pub dial_timeout: Duration,
    /// What all keys begin with, as it is: nothing adds a slash. Servers see each other only below the same one.
    /// Default: `pitaya/`.
    pub prefix: String,
    /// How long a server that has vanished stays announced, rounded up to seconds; it is renewed three times as
    /// often. Default: 60s.
    pub heartbeat_ttl: Duration,
    /// Log each renewal, at the level debug. Default: false.
    pub log_heartbeats: bool,
    /// Time between two readings of the whole list, which is watched meanwhile. Default: 120s.
    pub sync_interval: Duration,
    /// How long withdrawing the announcement may take, and the answer to a health check. Default: 5s.
    pub revoke_timeout: Duration,
    /// How long a shutdown waits for the others to notice a withdrawal. Default: 300ms.
    pub shutdown_delay: Duration,
    /// Server types that are not looked at. Default: none.
    pub blacklist: Vec<String>,
    /// The pause before the second attempt to reach etcd again; it doubles with every attempt. Default: 100ms.
    pub retry_min: Duration,
    /// The longest pause between two attempts, of which there is no end. The original waits 5s each time and gives up
    /// in the end; less lets a cluster recover within two seconds of etcd, other things it waits for included.
    /// Default: 1s.
    pub retry_max: Duration,
}

impl Default for EtcdConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["localhost:2379".to_owned()],
            user: String::new(),
            pass: String::new(),
            dial_timeout: Duration::from_secs(5),
            prefix: "pitaya/".to_owned(),
            heartbeat_ttl: Duration::from_secs(60),
            log_heartbeats: false,
            sync_interval: Duration::from_secs(120),
            revoke_timeout: Duration::from_secs(5),
            shutdown_delay: Duration::from_millis(300),
            blacklist: Vec::new(),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
        }
    }
}

/// Without the password.
impl fmt::Debug for EtcdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdConfig")
            .field("endpoints", &self.endpoints)
            .field("user", &self.user)
            .field("dial_timeout", &self.dial_timeout)
            .field("prefix", &self.prefix)
            .field("heartbeat_ttl", &self.heartbeat_ttl)
            .field("sync_interval", &self.sync_interval)
            .field("revoke_timeout", &self.revoke_timeout)
            .field("shutdown_delay", &self.shutdown_delay)
            .field("blacklist", &self.blacklist)
            .field("retry_min", &self.retry_min)
            .field("retry_max", &self.retry_max)
            .finish_non_exhaustive()
    }
}
