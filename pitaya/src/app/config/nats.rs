//! The settings of calls over NATS: plain structs with defaults, as in `settings`.

use std::fmt;
use std::time::Duration;

/// Calls over NATS. Each server has two connections, one for each direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct NatsConfig {
    /// Calls that leave this server.
    pub client: NatsClientConfig,
    /// Calls that come to this server.
    pub server: NatsServerConfig,
}

/// Calls that leave this server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct NatsClientConfig {
    /// The connection.
    pub link: NatsLinkConfig,
    /// How long a call waits for its answer when nobody says otherwise. Default: 5s.
    pub request_timeout: Duration,
}

/// Calls that come to this server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct NatsServerConfig {
    /// The connection.
    pub link: NatsLinkConfig,
    /// Calls that may be under way, running and waiting together; one too many is answered
    /// `PIT-503`. Default: 5000.
    pub buffer_messages: usize,
    /// Pushes that may wait for one user; one too many is dropped and counted. The larger of this
    /// and [`NatsServerConfig::buffer_messages`] holds. Default: 1000.
    pub buffer_pushes: usize,
    /// Calls that may run at the same time, others wait their turn. 0 = no such limit, which keeps
    /// callers from holding each other up. Default: 0.
    pub services: usize,
}

/// One connection to NATS. Once made it is made again for ever.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct NatsLinkConfig {
    /// Where NATS listens, `nats://user:password@host:port` with all but the host optional; several
    /// are one cluster. Default: `nats://localhost:4222`.
    pub connect: Vec<String>,
    /// How long connecting may take, and the bus to confirm a subscription. Default: 2s.
    pub connection_timeout: Duration,
    /// How many times the first connection is tried again; then the start fails. Default: 15.
    pub max_reconnects: usize,
    /// The longest pause between two attempts. Default: 1s.
    pub reconnect_wait: Duration,
    /// Up to this much is added to each pause, at random. Default: 100ms.
    pub reconnect_jitter: Duration,
    /// The same for an encrypted connection. Default: 1s.
    pub reconnect_jitter_tls: Duration,
    /// Time between two signs of life; a connection without an answer to three of them is made
    /// again. Default: 2m.
    pub ping_interval: Duration,
}

impl Default for NatsClientConfig {
    fn default() -> Self {
        Self {
            link: NatsLinkConfig::default(),
            request_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for NatsServerConfig {
    fn default() -> Self {
        Self {
            link: NatsLinkConfig::default(),
            buffer_messages: 5000,
            buffer_pushes: 1000,
            services: 0,
        }
    }
}

impl Default for NatsLinkConfig {
    fn default() -> Self {
        Self {
            connect: vec!["nats://localhost:4222".to_owned()],
            connection_timeout: Duration::from_secs(2),
            max_reconnects: 15,
            reconnect_wait: Duration::from_secs(1),
            reconnect_jitter: Duration::from_millis(100),
            reconnect_jitter_tls: Duration::from_secs(1),
            ping_interval: Duration::from_secs(120),
        }
    }
}

impl NatsConfig {
    /// For tests: what is not there is noticed soon, and what comes back is found soon.
    pub(super) fn for_test() -> Self {
        let link = NatsLinkConfig {
            max_reconnects: 3,
            reconnect_wait: Duration::from_millis(100),
            reconnect_jitter: Duration::from_millis(10),
            ..NatsLinkConfig::default()
        };
        Self {
            client: NatsClientConfig {
                link: link.clone(),
                ..NatsClientConfig::default()
            },
            server: NatsServerConfig {
                link,
                ..NatsServerConfig::default()
            },
        }
    }
}

/// Without the addresses, which may hold a password.
impl fmt::Debug for NatsLinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsLinkConfig")
            .field("servers", &self.connect.len())
            .field("connection_timeout", &self.connection_timeout)
            .field("max_reconnects", &self.max_reconnects)
            .field("reconnect_wait", &self.reconnect_wait)
            .field("reconnect_jitter", &self.reconnect_jitter)
            .field("reconnect_jitter_tls", &self.reconnect_jitter_tls)
            .field("ping_interval", &self.ping_interval)
            .finish()
    }
}
