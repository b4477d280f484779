//! The settings themselves: plain structs with defaults.
//!
//! Nothing here parses or checks; the table in `schema` names each field's key and range, and a test holds the two
//! together: every field has exactly one key.

use std::time::Duration;

use super::cluster::{Cluster, EtcdConfig};
use super::nats::NatsConfig;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// How many times `limits.packet` a body may grow to when it is inflated, unless `limits.inflated` is set itself.
pub(super) const INFLATED_PER_PACKET: usize = 4;

/// Everything that can be configured about one app. See the module's text for how it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Config {
    /// What message bodies are written in. Default: JSON.
    pub serializer: SerializerKind,
    /// How connections are kept alive.
    pub heartbeat: Heartbeat,
    /// How handlers run and what is done to their messages.
    pub handler: Handler,
    /// The outbound queue of each connection.
    pub buffer: Buffer,
    /// Sessions as a whole.
    pub session: Session,
    /// What a connection may do.
    pub conn: Conn,
    /// What acceptors expect of a connection.
    pub acceptor: Acceptor,
    /// The hooks that an app has without asking.
    pub pipelines: Pipelines,
    /// The group service in memory.
    pub groups: Groups,
    /// What may run at the same time.
    pub concurrency: Concurrency,
    /// How the app takes part in a cluster, if it does.
    pub cluster: Cluster,
    /// The bounds that hold for input from outside.
    pub limits: Limits,
    /// How long the steps of a shutdown may take.
    pub shutdown: Shutdown,
}

/// What message bodies are written in, and the name a client is told in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub enum SerializerKind {
    /// `json`, number 1.
    #[default]
    Json,
    /// `protobuf`, number 2.
    Protobuf,
}

/// How connections are kept alive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Heartbeat {
    /// Time between two heartbeats to a client; a client silent for two of them is disconnected. The client is
    /// told this in seconds, and the Go client refuses fractions. Default: 10s.
    pub interval: Duration,
}

/// How handlers run and what is done to their messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Handler {
    /// Deflate outgoing message bodies and the handshake reply where that makes them smaller. Default: false.
    pub compression: bool,
    /// How long a handler that has started may run on after its client has left; then it is cancelled and counted.
    /// Default: 10s.
    pub grace: Duration,
}

/// The outbound queue of each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Buffer {
    /// Messages that may wait for one client; at the limit [`Buffer::overflow`] decides. The original has 100 and
    /// blocks the sender when they are used up, where this framework gives the client up: hence more. Default: 1000.
    pub messages: usize,
    /// Bytes that may wait for one client; at the limit [`Buffer::overflow`] decides. Default: 4 MiB.
    pub bytes: usize,
    /// Keys of [`push_latest`](crate::Session::push_latest) that are told apart for one client while messages of
    /// them wait; one with a further key is an ordinary push. Default: 256.
    pub keys: usize,
    /// What happens to a client whose queue is full. Default: close.
    pub overflow: Overflow,
    /// How long one write to a client may take; then its connection is closed, because part of a packet may have
    /// left. Default: 10s.
    pub write_timeout: Duration,
}

/// What happens when a message finds a client's outbound queue full. It is counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub enum Overflow {
    /// `close`: the connection is closed. A client that misses nothing, or knows that it did.
    #[default]
    Close,
    /// `drop`: the message is dropped and the connection stays.
    Drop,
}

/// Sessions as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Session {
    /// In a cluster, a user has one session on all frontends of a type: a later bind ends the
    /// earlier one. Default: true.
    pub unique: bool,
    /// Waiting for sessions to end by themselves before a shutdown.
    pub drain: Drain,
}

/// Waiting for sessions to end by themselves when SIGTERM asks for a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Drain {
    /// Whether SIGTERM waits for sessions at all. Default: false.
    pub enabled: bool,
    /// How long it waits; then the shutdown goes on and closes the sessions that are left. Default: 6h.
    pub timeout: Duration,
    /// Time between two looks at how many sessions are left. Default: 5s.
    pub period: Duration,
}

/// What a connection may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Conn {
    /// How many packets a client may send. Holds for acceptors wrapped in the rate limit.
    pub rate_limiting: RateLimiting,
}

/// How many packets a client may send through an acceptor that is wrapped in the rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct RateLimiting {
    /// Packets accepted from one connection in one [`RateLimiting::interval`]; those beyond are dropped and counted.
    /// Default: 100.
    pub limit: usize,
    /// The time that `limit` holds for. Default: 10s.
    pub interval: Duration,
    /// Let everything pass even where an acceptor is wrapped. Default: false.
    pub force_disable: bool,
}

/// What acceptors expect of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Acceptor {
    /// Require a PROXY protocol header at the start of every TCP and WebSocket connection, unless its acceptor was told
    /// otherwise in code; one without is closed. Default: false.
    pub proxy_protocol: bool,
}

/// The hooks that an app has without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Pipelines {
    /// Validate the messages that declare rules before their handler sees them. Default: true.
    pub struct_validation: bool,
}

/// The group service in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Groups {
    /// Time between two sweeps for groups that have outlived their time to live. Default: 10s.
    pub memory_tick: Duration,
}

/// What may run at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Concurrency {
    /// Handlers that may run at the same time in the whole app, forwarded messages included; others wait their
    /// turn. 0 = no such limit, which keeps sessions from holding each other up. Default: 0.
    pub dispatch: usize,
    /// Start and finish the messages of one session in the order they arrived. false = as many at the same time as
    /// arrive, in any order, as the original does. Default: true.
    pub ordered_sessions: bool,
}

/// The bounds that hold for input from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Limits {
    /// Largest packet body accepted from a client, in bytes; a larger one closes its connection as soon as its
    /// header is read. The wire format allows 16777215, but a client could then hold that much memory with four
    /// bytes sent, and no game sends it. Default: 1 MiB.
    pub packet: usize,
    /// Largest size in bytes that a compressed body from a client may inflate to; at the limit the connection is
    /// closed. Default: 4 MiB, or four times [`Limits::packet`] where only that is set.
    pub inflated: usize,
    /// Bytes of further packets that are read from a client while its handler runs; then reading waits. Default:
    /// 64 KiB.
    pub read_ahead: usize,
    /// Clients connected at the same time; one too many is closed at once. 0 = no such limit. Default: 0.
    pub connections: usize,
    /// Clients of one address connected at the same time, an IPv6 network of 64 bits counting as one address; one too
    /// many is closed when its address is known, which behind a proxy is after its header. 0 = no such limit.
    /// Default: 0, because a carrier or a school has thousands of players behind one address.
    pub address_connections: usize,
    /// Clients that may connect in one second, at once or spread; one too many is closed at once. 0 = no such limit.
    /// Default: 0, because after a restart everybody comes back in the same seconds, and who is refused comes again.
    pub accept_rate: usize,
    /// From the end of the handshake until a client is bound to a user; then it is closed. Zero = no such limit.
    /// Default: zero, because not every game binds its players.
    pub bind_timeout: Duration,
    /// How long a client may send no message; then it is kicked, at the next heartbeat. Heartbeats are no messages.
    /// Zero = no such limit. Default: zero, because some games only watch.
    pub idle_timeout: Duration,
    /// Longest route in bytes that is looked at when it is none of this server's own; a request with a longer one is
    /// answered with an error. Default: 255, the most that the wire allows.
    pub route: usize,
    /// Bytes that may wait for all clients together that do not keep up; beyond it those with the most are closed
    /// until the rest fits. Default: 256 MiB.
    pub queued: usize,
    /// Calls of `#[route(concurrent)]` methods that one client may have under way; further ones wait unread.
    /// Default: 4096 messages, 4 MiB.
    pub concurrent: InFlight,
    /// What one client may have on its way to servers of one type, waiting there or sent and not answered; one message
    /// too many is answered `PIT-503`. Default: 1024 messages, 4 MiB.
    pub forward: InFlight,
    /// How long a connection's PROXY header may take; then it is closed. Default: 3s, because a proxy is near and says
    /// it before anything else.
    pub proxy_timeout: Duration,
    /// How long a connection's TLS handshake may take; then it is closed. Default: 5s, in which three round trips of
    /// the worst mobile network fit.
    pub tls_timeout: Duration,
    /// How long a client may take to ask for its WebSocket, from TLS on where there is TLS; then its connection is
    /// closed. Default: 5s, the time for one request.
    pub upgrade_timeout: Duration,
    /// The bounds before a client has completed its handshake.
    pub handshake: HandshakeLimits,
}

/// How many messages of one client may be under way at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InFlight {
    /// How many.
    pub messages: usize,
    /// Their bodies, in bytes. One message alone may be larger.
    pub bytes: usize,
}

/// The bounds before a client has completed its handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct HandshakeLimits {
    /// Largest packet body before the handshake is complete, in bytes; a larger one closes its connection. Room for
    /// a token in the handshake's user data, but not for an upload. Default: 16 KiB, or [`Limits::packet`] where that
    /// is set smaller.
    pub packet: usize,
    /// From accepted to handshake acknowledged, with a PROXY header, TLS and a WebSocket upgrade; then the connection
    /// is closed. Default: 10s.
    pub timeout: Duration,
    /// Connections that may be before the end of their handshake at the same time; one too many is closed at once.
    /// 0 = no such limit. Default: 10000.
    pub connections: usize,
}

/// How long the steps of a shutdown may take. A step that runs out of time is abandoned and logged, and the next
/// one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Shutdown {
    /// Waiting for the handlers that run to end. Default: 10s.
    pub handlers: Duration,
    /// Flushing what is queued to clients and closing them. Default: 5s.
    pub sessions: Duration,
    /// Each hook of each component. Default: 5s.
    pub component: Duration,
    /// Each hook of each module. Default: 5s.
    pub module: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
        }
    }
}

impl Default for Handler {
    fn default() -> Self {
        Self {
            compression: false,
            grace: Duration::from_secs(10),
        }
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            messages: 1000,
            bytes: 4 * MIB,
            keys: 256,
            overflow: Overflow::Close,
            write_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            unique: true,
            drain: Drain::default(),
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            enabled: false,
            timeout: Duration::from_secs(6 * 60 * 60),
            period: Duration::from_secs(5),
        }
    }
}

impl Default for RateLimiting {
    fn default() -> Self {
        Self {
            limit: 100,
            interval: Duration::from_secs(10),
            force_disable: false,
        }
    }
}

impl Default for Pipelines {
    fn default() -> Self {
        Self {
            struct_validation: true,
        }
    }
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            memory_tick: Duration::from_secs(10),
        }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            dispatch: 0,
            ordered_sessions: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet: MIB,
            inflated: INFLATED_PER_PACKET * MIB,
            read_ahead: 64 * KIB,
            connections: 0,
            address_connections: 0,
            accept_rate: 0,
            bind_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            route: 255,
            queued: 256 * MIB,
            concurrent: InFlight {
                messages: 4096,
                bytes: 4 * MIB,
            },
            forward: InFlight {
                messages: 1024,
                bytes: 4 * MIB,
            },
            proxy_timeout: Duration::from_secs(3),
            tls_timeout: Duration::from_secs(5),
            upgrade_timeout: Duration::from_secs(5),
            handshake: HandshakeLimits::default(),
        }
    }
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self {
            packet: 16 * KIB,
            timeout: Duration::from_secs(10),
            connections: 10_000,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            handlers: Duration::from_secs(10),
            sessions: Duration::from_secs(5),
            component: Duration::from_secs(5),
            module: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// A configuration for tests: the defaults, read from nowhere, with times that are short enough to wait for when
    /// something goes wrong and long enough for a busy machine not to trip over.
    pub fn for_test() -> Config {
        let deadline = Duration::from_secs(3);
        let poll = Duration::from_millis(20);
        Config {
            heartbeat: Heartbeat {
                interval: Duration::from_secs(5),
            },
            handler: Handler {
                grace: deadline,
                ..Handler::default()
            },
            buffer: Buffer {
                write_timeout: deadline,
                ..Buffer::default()
            },
            session: Session {
                unique: true,
                drain: Drain {
                    enabled: false,
                    timeout: deadline,
                    period: poll,
                },
            },
            groups: Groups { memory_tick: poll },
            cluster: Cluster {
                nats: NatsConfig::for_test(),
                etcd: EtcdConfig {
                    dial_timeout: deadline,
                    revoke_timeout: deadline,
                    shutdown_delay: poll,
                    retry_max: Duration::from_millis(500),
                    ..EtcdConfig::default()
                },
            },
            limits: Limits {
                handshake: HandshakeLimits {
                    timeout: deadline,
                    ..HandshakeLimits::default()
                },
                ..Limits::default()
            },
            shutdown: Shutdown {
                handlers: deadline,
                sessions: deadline,
                component: deadline,
                module: deadline,
            },
            ..Config::default()
        }
    }
}
