//! The one table of settings: key, old names, field, allowed range, meaning.
//!
//! Loading, checking, environment variables and documentation are all driven by it; a setting that is not here does
//! not exist, and a field of [`Config`] that is not here fails a test.

mod slot;

use std::time::Duration;

use self::slot::Field;
pub(super) use self::slot::{Refusal, Slot};
use super::settings::Config;
use super::value::time_text;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest body that the three length bytes of a packet header can announce.
const WIRE_PACKET: usize = (1 << 24) - 1;
const GIB: usize = 1 << 30;
const MANY: usize = 1_000_000_000;

/// A tebibyte, where numbers go that far.
const MOST_QUEUED: usize = if usize::BITS > 32 { GIB << 10 } else { GIB };

/// One setting.
pub(super) struct Key {
    /// The whole key in lower case.
    pub(super) name: &'static str,
    /// Names it had in the original or its documentation, whole keys in lower case.
    pub(super) old_names: &'static [&'static str],
    pub(super) slot: Slot,
    pub(super) meaning: &'static str,
}

/// One setting as documentation shows it. See [`Config::reference`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The key, as files and code write it.
    pub key: &'static str,
    /// The environment variable that sets it.
    pub variable: String,
    /// What is written behind it: `flag`, `number`, `size`, `duration`, `text`, `list` or the words to choose from.
    pub kind: &'static str,
    /// The value of [`Config::default`], as it would be written.
    pub default: String,
    /// The range that is allowed, empty where the kind says it all.
    pub allowed: String,
    /// What it does, and what happens at the limit.
    pub meaning: &'static str,
    /// Names that are still accepted, with a warning.
    pub old_names: &'static [&'static str],
}

macro_rules! field {
    ($($path:ident).+) => {
        Field { get: |config| config.$($path).+, set: |config, value| config.$($path).+ = value }
    };
}

/// A field that has to be cloned.
macro_rules! cloned {
    ($($path:ident).+) => {
        Field {
            get: |config| config.$($path).+.clone(),
            set: |config, value| config.$($path).+ = value,
        }
    };
}

const fn key(name: &'static str, slot: Slot, meaning: &'static str) -> Key {
    Key {
        name,
        old_names: &[],
        slot,
        meaning,
    }
}

pub(super) static KEYS: &[Key] = &[
    key(
        "pitaya.serializertype",
        Slot::Serializer(field!(serializer)),
        "what message bodies are written in; the numbers 1 and 2 are accepted too",
    ),
    key(
        "pitaya.heartbeat.interval",
        Slot::Time(
            field!(heartbeat.interval),
            (Duration::from_millis(100), HOUR),
        ),
        "time between heartbeats to a client, which is disconnected after two of them without a packet; whole seconds, \
         because the Go client refuses fractions",
    ),
    key(
        "pitaya.handler.messages.compression",
        Slot::Flag(field!(handler.compression)),
        "deflate outgoing bodies and the handshake reply where that makes them smaller",
    ),
    key(
        "pitaya.handler.grace",
        Slot::Time(field!(handler.grace), (Duration::ZERO, HOUR)),
        "how long a handler may run on after its client has left, then it is cancelled and counted",
    ),
    key(
        "pitaya.defaultpipelines.structvalidation.enabled",
        Slot::Flag(field!(pipelines.struct_validation)),
        "validate the messages that declare rules before their handler sees them",
    ),
    key(
        "pitaya.buffer.agent.messages",
        Slot::Count(field!(buffer.messages), (1, MANY)),
        "messages that may wait for one client, at the limit buffer.agent.overflow decides; the original has 100 and \
         blocks the sender, where here the client is given up",
    ),
    key(
        "pitaya.buffer.agent.bytes",
        Slot::Size(field!(buffer.bytes), (1024, GIB)),
        "bytes that may wait for one client, at the limit buffer.agent.overflow decides",
    ),
    key(
        "pitaya.buffer.agent.keys",
        Slot::Count(field!(buffer.keys), (1, MANY)),
        "keys of push_latest that are told apart for one client while messages of them wait, one with a further key is an \
         ordinary push; counted",
    ),
    key(
        "pitaya.buffer.agent.overflow",
        Slot::Overflow(field!(buffer.overflow)),
        "what happens when a client's queue is full: its connection is closed, or the message is dropped; counted \
         either way",
    ),
    Key {
        name: "pitaya.buffer.agent.conntimeout",
        old_names: &["pitaya.buffer.agent.writetimeout"],
        slot: Slot::Time(field!(buffer.write_timeout), (MS, HOUR)),
        meaning: "how long one write to a client may take, then its connection is closed",
    },
    key(
        "pitaya.concurrency.session.ordered",
        Slot::Flag(field!(concurrency.ordered_sessions)),
        "start and finish the messages of one session in the order they arrived; false = as the original, at the same \
         time and in any order",
    ),
    key(
        "pitaya.concurrency.handler.dispatch",
        Slot::Count(field!(concurrency.dispatch), (0, MANY)),
        "handlers that may run at the same time in the whole app, others wait their turn; 0 = no such limit",
    ),
    key(
        "pitaya.session.unique",
        Slot::Flag(field!(session.unique)),
        "in a cluster, a user has one session on all frontends of a type, a later bind ends the earlier one",
    ),
    key(
        "pitaya.session.drain.enabled",
        Slot::Flag(field!(session.drain.enabled)),
        "on SIGTERM, wait for sessions to end by themselves before shutting down",
    ),
    key(
        "pitaya.session.drain.timeout",
        Slot::Time(
            field!(session.drain.timeout),
            (MS, Duration::from_secs(7 * 24 * 60 * 60)),
        ),
        "how long a drain waits, then the sessions that are left are closed",
    ),
    key(
        "pitaya.session.drain.period",
        Slot::Time(field!(session.drain.period), (MS, HOUR)),
        "time between two looks at how many sessions are left",
    ),
    key(
        "pitaya.acceptor.proxyprotocol",
        Slot::Flag(field!(acceptor.proxy_protocol)),
        "require a PROXY protocol header at the start of every TCP and WebSocket connection, unless its acceptor was told \
         otherwise in code; one without is closed",
    ),
    key(
        "pitaya.conn.ratelimiting.limit",
        Slot::Count(field!(conn.rate_limiting.limit), (1, MANY)),
        "packets accepted from one connection in one interval, those beyond are dropped and counted; heartbeats and the \
         first handshake do not count; holds for acceptors wrapped in the rate limit",
    ),
    key(
        "pitaya.conn.ratelimiting.interval",
        Slot::Time(field!(conn.rate_limiting.interval), (MS, DAY)),
        "the time that conn.ratelimiting.limit holds for",
    ),
    key(
        "pitaya.conn.ratelimiting.forcedisable",
        Slot::Flag(field!(conn.rate_limiting.force_disable)),
        "let everything pass even where an acceptor is wrapped in the rate limit",
    ),
    key(
        "pitaya.groups.memory.tickduration",
        Slot::Time(field!(groups.memory_tick), (MS, DAY)),
        "time between two sweeps for groups in memory that have outlived their time to live",
    ),
    Key {
        name: "pitaya.cluster.rpc.client.nats.connect",
        old_names: &["pitaya.cluster.rpc.client.nats.address"],
        slot: Slot::List(cloned!(cluster.nats.client.link.connect), 1),
        meaning: "where NATS listens, nats://user:password@host:port each, with all but the host optional",
    },
    Key {
        name: "pitaya.cluster.rpc.client.nats.connectiontimeout",
        old_names: &["pitaya.cluster.rpc.client.nats.connection.timeout"],
        slot: Slot::Time(
            field!(cluster.nats.client.link.connection_timeout),
            (MS, HOUR),
        ),
        meaning: "how long connecting to NATS may take, and NATS to confirm a subscription",
    },
    Key {
        name: "pitaya.cluster.rpc.client.nats.requesttimeout",
        old_names: &["pitaya.cluster.rpc.client.nats.request.timeout"],
        slot: Slot::Time(field!(cluster.nats.client.request_timeout), (MS, HOUR)),
        meaning: "how long a call waits for its answer when nobody says otherwise",
    },
    Key {
        name: "pitaya.cluster.rpc.client.nats.maxreconnectionretries",
        old_names: &["pitaya.cluster.rpc.client.nats.max.reconnection.attempts"],
        slot: Slot::Count(field!(cluster.nats.client.link.max_reconnects), (0, MANY)),
        meaning: "how many times the first connection is tried again, then the start fails; a connection that was lost \
                 is tried for ever",
    },
    key(
        "pitaya.cluster.rpc.client.nats.reconnectwait",
        Slot::Time(field!(cluster.nats.client.link.reconnect_wait), (MS, HOUR)),
        "the longest pause between two attempts to connect",
    ),
    key(
        "pitaya.cluster.rpc.client.nats.reconnectjitter",
        Slot::Time(
            field!(cluster.nats.client.link.reconnect_jitter),
            (Duration::ZERO, HOUR),
        ),
        "up to this much is added to each pause, at random",
    ),
    key(
        "pitaya.cluster.rpc.client.nats.reconnectjittertls",
        Slot::Time(
            field!(cluster.nats.client.link.reconnect_jitter_tls),
            (Duration::ZERO, HOUR),
        ),
        "the same for an encrypted connection",
    ),
    key(
        "pitaya.cluster.rpc.client.nats.pinginterval",
        Slot::Time(field!(cluster.nats.client.link.ping_interval), (MS, DAY)),
        "time between two signs of life, a connection without an answer to three of them is made again",
    ),
    Key {
        name: "pitaya.cluster.rpc.server.nats.connect",
        old_names: &["pitaya.cluster.rpc.server.nats.address"],
        slot: Slot::List(cloned!(cluster.nats.server.link.connect), 1),
        meaning: "where NATS listens, nats://user:password@host:port each, with all but the host optional",
    },
    Key {
        name: "pitaya.cluster.rpc.server.nats.connectiontimeout",
        old_names: &["pitaya.cluster.rpc.server.nats.connection.timeout"],
        slot: Slot::Time(
            field!(cluster.nats.server.link.connection_timeout),
            (MS, HOUR),
        ),
        meaning: "how long connecting to NATS may take, and NATS to confirm a subscription",
    },
    Key {
        name: "pitaya.cluster.rpc.server.nats.maxreconnectionretries",
        old_names: &["pitaya.cluster.rpc.server.nats.max.reconnection.attempts"],
        slot: Slot::Count(field!(cluster.nats.server.link.max_reconnects), (0, MANY)),
        meaning: "how many times the first connection is tried again, then the start fails; a connection that was lost \
                 is tried for ever",
    },
    key(
        "pitaya.cluster.rpc.server.nats.reconnectwait",
        Slot::Time(field!(cluster.nats.server.link.reconnect_wait), (MS, HOUR)),
        "the longest pause between two attempts to connect",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.reconnectjitter",
        Slot::Time(
            field!(cluster.nats.server.link.reconnect_jitter),
            (Duration::ZERO, HOUR),
        ),
        "up to this much is added to each pause, at random",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.reconnectjittertls",
        Slot::Time(
            field!(cluster.nats.server.link.reconnect_jitter_tls),
            (Duration::ZERO, HOUR),
        ),
        "the same for an encrypted connection",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.pinginterval",
        Slot::Time(field!(cluster.nats.server.link.ping_interval), (MS, DAY)),
        "time between two signs of life, a connection without an answer to three of them is made again",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.buffer.messages",
        Slot::Count(field!(cluster.nats.server.buffer_messages), (1, MANY)),
        "calls that may be under way, running and waiting together, one too many is answered PIT-503",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.buffer.push",
        Slot::Count(field!(cluster.nats.server.buffer_pushes), (1, MANY)),
        "pushes that may wait for one user, one too many is dropped and counted; the larger of this and \
         buffer.messages holds",
    ),
    key(
        "pitaya.cluster.rpc.server.nats.services",
        Slot::Count(field!(cluster.nats.server.services), (0, MANY)),
        "calls that may run at the same time, others wait their turn; 0 = no such limit",
    ),
    Key {
        name: "pitaya.cluster.sd.etcd.endpoints",
        old_names: &[],
        slot: Slot::List(cloned!(cluster.etcd.endpoints), 1),
        meaning: "where etcd listens, host:port each",
    },
    key(
        "pitaya.cluster.sd.etcd.user",
        Slot::Text(cloned!(cluster.etcd.user)),
        "the user at etcd, where a password is set too",
    ),
    key(
        "pitaya.cluster.sd.etcd.pass",
        Slot::Text(cloned!(cluster.etcd.pass)),
        "the user's password",
    ),
    key(
        "pitaya.cluster.sd.etcd.dialtimeout",
        Slot::Time(field!(cluster.etcd.dial_timeout), (MS, HOUR)),
        "how long a connection to etcd, and one call on it, may take",
    ),
    key(
        "pitaya.cluster.sd.etcd.prefix",
        Slot::Text(cloned!(cluster.etcd.prefix)),
        "what all keys begin with, slash included; servers see each other only below the same one",
    ),
    Key {
        name: "pitaya.cluster.sd.etcd.heartbeat.ttl",
        old_names: &["pitaya.cluster.sd.etcd.heartbeatinterval"],
        slot: Slot::Time(field!(cluster.etcd.heartbeat_ttl), (SECOND, DAY)),
        meaning: "how long a server that has vanished stays announced, rounded up to seconds",
    },
    Key {
        name: "pitaya.cluster.sd.etcd.heartbeat.log",
        old_names: &["pitaya.cluster.sd.etcd.heartbeatlog"],
        slot: Slot::Flag(field!(cluster.etcd.log_heartbeats)),
        meaning: "log each renewal of the announcement at the level debug",
    },
    Key {
        name: "pitaya.cluster.sd.etcd.syncservers.interval",
        old_names: &["pitaya.cluster.sd.etcd.syncserversinterval"],
        slot: Slot::Time(field!(cluster.etcd.sync_interval), (MS, DAY)),
        meaning: "time between two readings of the whole list, which is watched meanwhile",
    },
    key(
        "pitaya.cluster.sd.etcd.revoke.timeout",
        Slot::Time(field!(cluster.etcd.revoke_timeout), (MS, HOUR)),
        "how long withdrawing the announcement may take, and the answer to a health check",
    ),
    Key {
        name: "pitaya.cluster.sd.etcd.shutdown.delay",
        old_names: &["pitaya.cluster.sd.etcd.shutdowndelay"],
        slot: Slot::Time(field!(cluster.etcd.shutdown_delay), (Duration::ZERO, HOUR)),
        meaning: "how long a shutdown waits for the others to notice the withdrawal",
    },
    Key {
        name: "pitaya.cluster.sd.etcd.servertypesblacklist",
        old_names: &["pitaya.cluster.sd.etcd.servertypeblacklist"],
        slot: Slot::List(cloned!(cluster.etcd.blacklist), 0),
        meaning: "server types that are not looked at, the app's own server excepted",
    },
    key(
        "pitaya.cluster.sd.etcd.retry.min",
        Slot::Time(field!(cluster.etcd.retry_min), (MS, HOUR)),
        "the first pause between attempts to reach etcd again, it doubles with every attempt",
    ),
    Key {
        name: "pitaya.cluster.sd.etcd.grantlease.retryinterval",
        old_names: &["pitaya.cluster.sd.etcd.grantlease_retryinterval"],
        slot: Slot::Time(field!(cluster.etcd.retry_max), (MS, HOUR)),
        meaning: "the longest pause between attempts to reach etcd again, of which there is no end",
    },
    key(
        "pitaya.limits.packet",
        Slot::Size(field!(limits.packet), (64, WIRE_PACKET)),
        "largest packet body accepted from a client, a larger one closes its connection",
    ),
    key(
        "pitaya.limits.inflated",
        Slot::Size(field!(limits.inflated), (64, GIB)),
        "largest size that a compressed body from a client may inflate to, beyond it the connection is closed; four \
         times limits.packet where only that is set",
    ),
    key(
        "pitaya.limits.readahead",
        Slot::Size(field!(limits.read_ahead), (1024, GIB)),
        "bytes of further packets read from a client while its handler runs, then reading waits",
    ),
    key(
        "pitaya.limits.connections",
        Slot::Count(field!(limits.connections), (0, MANY)),
        "clients connected at the same time, one too many is closed at once; 0 = no such limit",
    ),
    key(
        "pitaya.limits.address.connections",
        Slot::Count(field!(limits.address_connections), (0, MANY)),
        "clients of one address connected at the same time, an IPv6 network of 64 bits counting as one, one too many is \
         closed when its address is known; 0 = no such limit",
    ),
    key(
        "pitaya.limits.accept.rate",
        Slot::Count(field!(limits.accept_rate), (0, MANY)),
        "clients that may connect in one second, one too many is closed at once; 0 = no such limit",
    ),
    key(
        "pitaya.limits.bind.timeout",
        Slot::Time(field!(limits.bind_timeout), (Duration::ZERO, DAY)),
        "from the end of the handshake until a client is bound to a user, then it is closed; 0s = no such limit",
    ),
    key(
        "pitaya.limits.idle.timeout",
        Slot::Time(field!(limits.idle_timeout), (Duration::ZERO, DAY)),
        "how long a client may send no message, then it is kicked at the next heartbeat; 0s = no such limit",
    ),
    key(
        "pitaya.limits.route",
        Slot::Count(field!(limits.route), (1, 255)),
        "longest route in bytes that is looked at when it is none of this server's own, a request with a longer one is \
         answered PIT-400",
    ),
    key(
        "pitaya.limits.queued",
        Slot::Size(field!(limits.queued), (1024, MOST_QUEUED)),
        "bytes that may wait for all clients together that do not keep up, beyond it those with the most are closed until \
         the rest fits",
    ),
    key(
        "pitaya.limits.concurrent.messages",
        Slot::Count(field!(limits.concurrent.messages), (1, MANY)),
        "calls of concurrent routes that one client may have under way, further ones wait unread",
    ),
    key(
        "pitaya.limits.concurrent.bytes",
        Slot::Size(field!(limits.concurrent.bytes), (1024, GIB)),
        "bytes of message bodies that concurrent calls of one client may have under way, then further ones wait unread",
    ),
    key(
        "pitaya.limits.forward.messages",
        Slot::Count(field!(limits.forward.messages), (1, MANY)),
        "messages that one client may have on their way to servers of one type, one too many is answered PIT-503",
    ),
    key(
        "pitaya.limits.forward.bytes",
        Slot::Size(field!(limits.forward.bytes), (1024, GIB)),
        "bytes of message bodies that one client may have on their way to servers of one type, beyond it a message is \
         answered PIT-503",
    ),
    key(
        "pitaya.limits.proxy.timeout",
        Slot::Time(field!(limits.proxy_timeout), (MS, HOUR)),
        "how long the PROXY header of a connection may take, then it is closed",
    ),
    key(
        "pitaya.limits.tls.timeout",
        Slot::Time(field!(limits.tls_timeout), (MS, HOUR)),
        "how long the TLS handshake of a connection may take, then it is closed",
    ),
    key(
        "pitaya.limits.upgrade.timeout",
        Slot::Time(field!(limits.upgrade_timeout), (MS, HOUR)),
        "how long a client may take to ask for its WebSocket, then its connection is closed",
    ),
    key(
        "pitaya.limits.handshake.packet",
        Slot::Size(field!(limits.handshake.packet), (64, WIRE_PACKET)),
        "largest packet body before the handshake is complete, a larger one closes the connection; at most \
         limits.packet",
    ),
    key(
        "pitaya.limits.handshake.timeout",
        Slot::Time(field!(limits.handshake.timeout), (MS, HOUR)),
        "from accepted to handshake acknowledged, with a PROXY header, TLS and a WebSocket upgrade, then the connection \
         is closed",
    ),
    key(
        "pitaya.limits.handshake.connections",
        Slot::Count(field!(limits.handshake.connections), (0, MANY)),
        "connections that may be before the end of their handshake at the same time, one too many is closed at once; \
         0 = no such limit",
    ),
    key(
        "pitaya.shutdown.handlers",
        Slot::Time(field!(shutdown.handlers), (Duration::ZERO, HOUR)),
        "how long a shutdown waits for the handlers that run",
    ),
    key(
        "pitaya.shutdown.sessions",
        Slot::Time(field!(shutdown.sessions), (Duration::ZERO, HOUR)),
        "how long a shutdown flushes what is queued to clients and closes them",
    ),
    key(
        "pitaya.shutdown.component",
        Slot::Time(field!(shutdown.component), (Duration::ZERO, HOUR)),
        "how long each hook of each component may take in a shutdown",
    ),
    key(
        "pitaya.shutdown.module",
        Slot::Time(field!(shutdown.module), (Duration::ZERO, HOUR)),
        "how long each hook of each module may take in a shutdown",
    ),
];

/// The environment variable of a key.
pub(super) fn variable(name: &str) -> String {
    name.to_ascii_uppercase().replace('.', "_")
}

pub(super) fn reference() -> Vec<ReferenceRow> {
    let default = Config::default();
    let row = |key: &Key| ReferenceRow {
        key: key.name,
        variable: variable(key.name),
        kind: key.slot.kind(),
        default: key.slot.text(&default),
        allowed: key.slot.allowed(),
        meaning: key.meaning,
        old_names: key.old_names,
    };
    KEYS.iter().map(row).collect()
}

/// What to tell the operator about values that are allowed and yet likely to hurt.
pub(super) fn advice(config: &Config) -> Option<(&'static str, String)> {
    let interval = config.heartbeat.interval;
    let whole = interval >= SECOND && interval.subsec_nanos() == 0;
    (!whole).then(|| {
        let text = format!(
            "{} is not whole seconds, Go clients refuse to connect",
            time_text(interval)
        );
        ("pitaya.heartbeat.interval", text)
    })
}
