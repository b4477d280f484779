//! What an app counts and measures, through the recorder it owns.
//!
//! Handles are resolved once, when the app is built, so that counting costs no look-up. Names and
//! labels are those of the original where it has them. Exporters are not here.

mod cluster;
mod load;
mod recorder;
mod slow;
mod tally;
pub mod trace;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use parking_lot::Mutex;

pub use load::RpcLoad;
pub(crate) use recorder::AppRecorder;
use slow::SLOW;
pub(crate) use slow::{SlowCalls, SlowRoute};
pub(crate) use tally::{Limit, NotRenewed, Tallied, Tally};

use crate::cluster::Directory;
use crate::error::Result;
use crate::session::CloseReason;

/// The handles of one app.
pub(crate) struct Metrics {
    recorder: AppRecorder,
    /// Clients connected at the moment.
    pub(crate) connected_clients: Gauge,
    /// Free places in an outbound queue, at each push.
    pub(crate) queue_room: Histogram,
    /// Messages refused because an outbound queue was full.
    pub(crate) outbound_overflow: Tally,
    /// Messages taken back because a later one of the same key was pushed.
    pub(crate) replaced: Tally,
    /// Messages still queued when a connection closed.
    pub(crate) dropped_at_close: Tally,
    /// Messages that had come from a client but were not served when its connection closed.
    pub(crate) unserved: Tally,
    /// Pushes and responses that clients sent; they mean nothing and are ignored.
    pub(crate) ignored_messages: Counter,
    /// Packets that a wrapper dropped.
    pub(crate) dropped_by_wrapper: Counter,
    /// Packets beyond a rate limit.
    pub(crate) exceeded_rate_limiting: Arc<Tally>,
    /// Handlers dropped because they outlived their client by more than the grace limit.
    pub(crate) grace_expired: Counter,
    /// Handlers dropped because their client left, as `#[route(cancel)]` asks.
    pub(crate) cancelled: Counter,
    /// Pushes and kicks to users who were not reached.
    pub(crate) unreached_users: Counter,
    /// Messages to other servers for their users: one for many users, and one for each.
    sent_lists: Counter,
    sent_singles: Counter,
    pub(crate) handshakes_accepted: Counter,
    pub(crate) handshakes_refused: Counter,
    refused_connections: [Tally; Refusal::ALL.len()],
    closed: [Tally; CloseReason::ALL.len()],
    limits: [Tally; Limit::ALL.len()],
    not_renewed: [Tally; NotRenewed::ALL.len()],
    slow: SlowCalls,
    forwarded: cluster::Remote,
    called: cluster::Remote,
    forward_delays: cluster::Delays,
    resent: [Counter; Resent::ALL.len()],
    /// Errors answered before any handler or remote ran, by code; few codes exist.
    refused_messages: Mutex<HashMap<String, Counter>>,
}

/// Why a connection was not served at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The connection limit.
    Connections,
    /// The limit of connections of one address.
    Address,
    /// The limit of new connections per second.
    Pace,
    /// The limit of connections whose handshake is not done.
    Handshakes,
    /// The PROXY protocol header took too long.
    ProxyTimeout,
    /// The TLS handshake took too long.
    TlsTimeout,
    /// The request to upgrade took too long.
    UpgradeTimeout,
    /// All of that together took too long, or what else the acceptor does.
    HandshakeTimeout,
    /// Establishing it failed.
    Establish,
    /// The PROXY protocol header was missing or a lie.
    ProxyHeader,
    /// The PROXY protocol header named no client: a proxy's health check.
    ProxyNoSource,
    /// The client does not speak TLS.
    NotTls,
    /// The TLS handshake failed.
    Tls,
    /// The client's certificate is missing or not believed.
    ClientCertificate,
    /// The client does not speak HTTP, where a WebSocket begins with it.
    NotHttp,
    /// Another HTTP request than one to open a WebSocket.
    NotWebSocket,
    /// The HTTP request has too many headers or too large ones.
    UpgradeTooLarge,
    /// Nothing is served at this path.
    UpgradePath,
    /// Pages of this origin are not served.
    UpgradeOrigin,
    /// The request to upgrade was refused for another reason.
    Upgrade,
    /// The acceptor failed.
    Accept,
}

impl Refusal {
    const ALL: [Self; 21] = [
        Self::Connections,
        Self::Address,
        Self::Pace,
        Self::Handshakes,
        Self::ProxyTimeout,
        Self::TlsTimeout,
        Self::UpgradeTimeout,
        Self::HandshakeTimeout,
        Self::Establish,
        Self::ProxyHeader,
        Self::ProxyNoSource,
        Self::NotTls,
        Self::Tls,
        Self::ClientCertificate,
        Self::NotHttp,
        Self::NotWebSocket,
        Self::UpgradeTooLarge,
        Self::UpgradePath,
        Self::UpgradeOrigin,
        Self::Upgrade,
        Self::Accept,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Connections => "connection_limit",
            Self::Address => "address_limit",
            Self::Pace => "accept_rate",
            Self::Handshakes => "handshake_limit",
            Self::ProxyTimeout => "proxy_timeout",
            Self::TlsTimeout => "tls_timeout",
            Self::UpgradeTimeout => "upgrade_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::Establish => "establish_failed",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyNoSource => "proxy_no_source",
            Self::NotTls => "not_tls",
            Self::Tls => "tls_failed",
            Self::ClientCertificate => "tls_client_certificate",
            Self::NotHttp => "not_http",
            Self::NotWebSocket => "not_websocket",
            Self::UpgradeTooLarge => "upgrade_too_large",
            Self::UpgradePath => "upgrade_path",
            Self::UpgradeOrigin => "upgrade_origin",
            Self::Upgrade => "upgrade_refused",
            Self::Accept => "accept_failed",
        }
    }
}

/// How a push or a kick travels to users elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentAs {
    /// One message for many users.
    List,
    /// One message for each.
    Single,
}

/// What is sent once more, to another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resent {
    /// A client's message.
    Forward,
    /// A call of a remote.
    Call,
}

impl Resent {
    const ALL: [Self; 2] = [Self::Forward, Self::Call];

    fn label(self) -> &'static str {
        match self {
            Self::Forward => "handler",
            Self::Call => "rpc",
        }
    }
}

impl Metrics {
    pub(crate) fn new(recorder: AppRecorder) -> Self {
        let r = &recorder;
        Self {
            connected_clients: r.gauge("pitaya_acceptor_connected_clients", &[]),
            queue_room: r.histogram(
                "pitaya_channel_channel_capacity",
                &[("channel", "agent_chsend")],
            ),
            outbound_overflow: Tally::new(r.dropped("queue_full")),
            replaced: Tally::new(r.dropped("replaced")),
            dropped_at_close: Tally::new(r.dropped("connection_closed")),
            unserved: Tally::new(r.counter(
                "pitaya_message_dropped_total",
                &[("cause", "connection_closed")],
            )),
            ignored_messages: r.counter(
                "pitaya_message_dropped_total",
                &[("cause", "not_for_servers")],
            ),
            dropped_by_wrapper: r.counter("pitaya_message_dropped_total", &[("cause", "wrapper")]),
            exceeded_rate_limiting: Arc::new(Tally::new(
                r.counter("pitaya_acceptor_exceeded_rate_limiting", &[]),
            )),
            grace_expired: r.counter(
                "pitaya_handler_dropped_total",
                &[("cause", "grace_expired")],
            ),
            cancelled: r.counter("pitaya_handler_dropped_total", &[("cause", "client_left")]),
            unreached_users: r.counter("pitaya_push_unreached_users_total", &[]),
            sent_lists: r.counter("pitaya_push_messages_total", &[("for", "list")]),
            sent_singles: r.counter("pitaya_push_messages_total", &[("for", "user")]),
            handshakes_accepted: r.counter("pitaya_handshakes_total", &[("outcome", "accepted")]),
            handshakes_refused: r.counter("pitaya_handshakes_total", &[("outcome", "refused")]),
            refused_connections: Refusal::ALL.map(|refusal| {
                Tally::new(r.counter(
                    "pitaya_acceptor_refused_total",
                    &[("cause", refusal.label())],
                ))
            }),
            closed: CloseReason::ALL.map(|reason| {
                Tally::new(r.counter("pitaya_agent_closed_total", &[("cause", reason.label())]))
            }),
            limits: Limit::ALL.map(|limit| {
                Tally::new(r.counter("pitaya_limit_reached_total", &[("cause", limit.label())]))
            }),
            not_renewed: NotRenewed::ALL.map(|cause| {
                let labels = [("cause", cause.label())];
                Tally::new(r.counter("pitaya_tls_reload_failed_total", &labels))
            }),
            slow: SlowCalls::default(),
            forwarded: cluster::Remote::new(r, "handler"),
            called: cluster::Remote::new(r, "rpc"),
            forward_delays: cluster::Delays::new(r),
            resent: Resent::ALL.map(|what| {
                let labels = [("cause", "undelivered"), ("type", what.label())];
                r.counter("pitaya_rpc_resent_total", &labels)
            }),
            refused_messages: Mutex::new(HashMap::new()),
            recorder,
        }
    }

    /// A message was forwarded and answered, in this time since it came; `code` is empty when that
    /// went well.
    pub(crate) fn forwarded(&self, route: &str, time: Duration, code: &str) {
        self.forwarded.ended(route, time, code);
    }

    /// A message waited this long until it was forwarded; `code` is empty when it was answered well.
    pub(crate) fn forward_delayed(&self, route: &str, delay: Duration, code: &str) {
        self.forward_delays.sent(route, delay, code);
    }

    /// What a transport reports its load with.
    pub(crate) fn rpc_load(&self) -> RpcLoad {
        RpcLoad::new(&self.recorder)
    }

    /// The running handlers of an app that caps them at `total`.
    pub(crate) fn dispatch_workers(&self, total: usize) -> Gauge {
        let labels = [("pool", "handler_dispatch")];
        let most = self
            .recorder
            .gauge("pitaya_worker_pool_total_workers", &labels);
        most.set(total as f64);
        let busy = self
            .recorder
            .gauge("pitaya_worker_pool_busy_workers", &labels);
        busy.set(0.0);
        busy
    }

    /// A call of another server has ended; `code` is empty when it went well.
    pub(crate) fn rpc(&self, route: &str, time: Duration, code: &str) {
        self.called.ended(route, time, code);
    }

    /// Messages with a push or a kick have left.
    pub(crate) fn sent_to_users(&self, sent_as: SentAs, messages: usize) {
        let counter = match sent_as {
            SentAs::List => &self.sent_lists,
            SentAs::Single => &self.sent_singles,
        };
        counter.increment(messages as u64);
    }

    /// Nobody took it, so it goes to another server.
    #[cold]
    pub(crate) fn resent(&self, what: Resent) {
        if let Some(counter) = self.resent.get(what as usize) {
            counter.increment(1);
        }
    }

    /// Counts the servers of each type from now on.
    pub(crate) fn count_servers(&self, directory: &Arc<Directory>) {
        cluster::count_servers(&self.recorder, directory);
    }

    pub(crate) fn connection_refused(&self, refusal: Refusal) {
        if let Some(counter) = self.refused_connections.get(refusal as usize) {
            counter.increment(1);
        }
    }

    pub(crate) fn connection_closed(&self, reason: CloseReason) {
        if let Some(counter) = self.closed.get(reason as usize) {
            counter.increment(1);
        }
    }

    /// A limit was reached that neither refuses a connection nor is the reason of a close by itself.
    #[cold]
    pub(crate) fn limit_reached(&self, limit: Limit) {
        if let Some(tally) = self.limits.get(limit as usize) {
            tally.increment(1);
        }
    }

    /// What was counted since the start, for whoever asks: nothing that is zero.
    pub(crate) fn tallied(&self) -> Vec<Tallied> {
        let refused = Refusal::ALL.iter().zip(&self.refused_connections);
        let refused =
            refused.map(|(refusal, tally)| ("connection refused", refusal.label(), tally));
        let closed = CloseReason::ALL.iter().zip(&self.closed);
        let closed = closed.map(|(reason, tally)| ("session closed", reason.label(), tally));
        let limits = Limit::ALL.iter().zip(&self.limits);
        let limits = limits.map(|(limit, tally)| ("limit reached", limit.label(), tally));
        let not_renewed = NotRenewed::ALL.iter().zip(&self.not_renewed);
        let not_renewed =
            not_renewed.map(|(cause, tally)| ("certificate not renewed", cause.label(), tally));
        let others = [
            (
                "message to a client dropped",
                "queue_full",
                &self.outbound_overflow,
            ),
            ("message to a client dropped", "replaced", &self.replaced),
            (
                "message to a client dropped",
                "connection_closed",
                &self.dropped_at_close,
            ),
            (
                "message of a client dropped",
                "connection_closed",
                &self.unserved,
            ),
            (
                "packet refused",
                "rate_limit",
                &*self.exceeded_rate_limiting,
            ),
        ];
        let all = refused
            .chain(limits)
            .chain(not_renewed)
            .chain(others)
            .chain(closed);
        all.filter_map(|(what, cause, tally)| Tallied::new(what, cause, tally))
            .collect()
    }

    pub(crate) fn slow(&self) -> &SlowCalls {
        &self.slow
    }

    /// A message was answered with an error, or dropped, before any handler ran.
    pub(crate) fn message_refused(&self, code: &str) {
        let mut counters = self.refused_messages.lock();
        let counter = match counters.get(code) {
            Some(counter) => counter,
            None => counters.entry(code.to_owned()).or_insert_with(|| {
                self.recorder
                    .counter("pitaya_message_refused_total", &[("cause", code)])
            }),
        };
        counter.increment(1);
    }

    /// A certificate that was to follow another one cannot be used.
    #[cfg(feature = "tls")]
    pub(crate) fn certificate_not_renewed(&self, cause: NotRenewed) {
        if let Some(tally) = self.not_renewed.get(cause as usize) {
            tally.increment(1);
        }
    }

    /// User code panicked there.
    #[cold]
    pub(crate) fn panicked(&self, place: &'static str) {
        self.recorder
            .counter("pitaya_panics_total", &[("place", place)])
            .increment(1);
    }
}

/// The handles of one route.
pub(crate) struct RouteMetrics {
    delay: Histogram,
    times: Times,
    pub(crate) slow: Arc<SlowRoute>,
}

/// How long a route's calls take.
pub(crate) struct Times {
    path: String,
    /// The label `type`.
    kind: &'static str,
    recorder: AppRecorder,
    ok: Histogram,
    /// By error code: made at the first such error.
    failed: Mutex<HashMap<String, Histogram>>,
}

impl RouteMetrics {
    pub(crate) fn new(recorder: &AppRecorder, path: &str) -> Self {
        Self {
            delay: delay(recorder, path, "local"),
            times: Times::new(recorder, path, "handler"),
            slow: SlowRoute::new(path),
        }
    }

    /// From the moment a message was read from the client until its handler was started. Of
    /// messages that wait for an earlier one the last read counts, so that one reading of the clock
    /// is enough for all.
    #[inline]
    pub(crate) fn delayed(&self, delay: Duration) {
        self.delay.record(nanos(delay));
    }

    /// From the moment a message was read, as above, until its reply was handed to the connection's
    /// output.
    #[inline]
    pub(crate) fn succeeded(&self, time: Duration) {
        if time >= SLOW {
            self.slow.note(time);
        }
        self.times.succeeded(time);
    }

    /// The same, for a handler that failed.
    #[cold]
    pub(crate) fn failed(&self, time: Duration, code: &str) {
        if time >= SLOW {
            self.slow.note(time);
        }
        self.times.failed(time, code);
    }
}

impl Times {
    pub(crate) fn new(recorder: &AppRecorder, path: &str, kind: &'static str) -> Self {
        Self {
            ok: response_time(recorder, path, kind, "ok", ""),
            path: path.to_owned(),
            kind,
            recorder: recorder.clone(),
            failed: Mutex::new(HashMap::new()),
        }
    }

    #[inline]
    fn succeeded(&self, time: Duration) {
        self.ok.record(nanos(time));
    }

    fn failed(&self, time: Duration, code: &str) {
        let mut failed = self.failed.lock();
        let histogram = match failed.get(code) {
            Some(histogram) => histogram,
            // Applications choose codes, so their number is theirs; still it is bounded.
            None if failed.len() >= MAX_CODES => return,
            None => failed.entry(code.to_owned()).or_insert_with(|| {
                response_time(&self.recorder, &self.path, self.kind, "failed", code)
            }),
        };
        histogram.record(nanos(time));
    }

    /// A call has ended.
    pub(crate) fn ended<T>(&self, time: Duration, result: &Result<T>) {
        match result {
            Ok(_) => self.succeeded(time),
            Err(error) => self.failed(time, error.code()),
        }
    }
}

/// How many error codes of one route are told apart.
const MAX_CODES: usize = 256;

fn response_time(
    recorder: &AppRecorder,
    path: &str,
    kind: &str,
    status: &str,
    code: &str,
) -> Histogram {
    let labels = [
        ("route", path),
        ("status", status),
        ("type", kind),
        ("code", code),
    ];
    recorder.histogram("pitaya_handler_response_time_ns", &labels)
}

fn delay(recorder: &AppRecorder, path: &str, kind: &str) -> Histogram {
    let labels = [("route", path), ("type", kind)];
    recorder.histogram("pitaya_handler_handler_delay_ns", &labels)
}

fn nanos(duration: Duration) -> f64 {
    // Not by way of u128, which is slow to convert.
    duration.as_secs() as f64 * 1e9 + f64::from(duration.subsec_nanos())
}
