//! The rate limit: how many packets a client may send in how much time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::window::{Limit, Window};
use super::{Filter, Inbound, Verdict, Wrapper};
use crate::app::AppHandle;
use crate::error::Error;
use crate::observe::Tally;
use crate::protocol::PacketType;
use crate::uid::Uid;

/// Refuses packets of clients that send too many.
///
/// A connection has a number of slots. Each packet takes one and gives it back after the interval;
/// while none is free, packets are refused, and a refused one takes no slot. So with a limit of 1 in
/// 1 s, after a request at 0.2 s the next one is handled from 1.2 s on. Refused packets are counted
/// in `pitaya_acceptor_exceeded_rate_limiting` and dropped without an answer, unless
/// [`answer`](Self::answer) says otherwise.
///
/// Heartbeats take no slots, nor do a connection's first handshake and its ack, so that a limit
/// keeps nobody from connecting or staying connected. A repeated handshake counts.
///
/// ```
/// use std::time::Duration;
///
/// use pitaya::Tcp;
/// use pitaya::acceptor::Acceptor;
/// use pitaya::wrapper::RateLimit;
///
/// let acceptor = Tcp::bind("0.0.0.0:3250").wrap(
///     RateLimit::configured()
///         .route("room.say", 5, Duration::from_secs(10))
///         .per_user(200, Duration::from_secs(10))
///         .answer("PIT-429", "slow down"),
/// );
/// ```
#[derive(Debug, Clone)]
pub struct RateLimit(Arc<Rules>);

#[derive(Debug, Clone)]
struct Rules {
    /// Of each connection; `None` is what the configuration says.
    connection: Option<Limit>,
    /// Of each connection for one route.
    routes: Vec<(String, Limit)>,
    /// Of each user, over all connections.
    user: Option<(Limit, Arc<Users>)>,
    /// The error's code and text.
    answer: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

impl RateLimit {
    /// The limit of `pitaya.conn.ratelimiting.*`; by default 100 packets in 10 seconds.
    pub fn configured() -> Self {
        Self::of(None)
    }

    /// So many packets of one connection in each interval. A limit of 0 lets nothing pass.
    ///
    /// As the configured one, it is out of force while `pitaya.conn.ratelimiting.forcedisable` is
    /// true.
    pub fn new(limit: usize, interval: Duration) -> Self {
        Self::of(Some(Limit {
            packets: limit,
            interval,
        }))
    }

    fn of(connection: Option<Limit>) -> Self {
        Self(Arc::new(Rules {
            connection,
            routes: Vec::new(),
            user: None,
            answer: None,
        }))
    }

    /// So many messages of one connection for this route, `room.say` or `game.room.say`, besides
    /// the limit of the connection. Those that it refuses take no slot of the others, and the other
    /// way round.
    pub fn route(mut self, route: impl Into<String>, limit: usize, interval: Duration) -> Self {
        let limit = Limit {
            packets: limit,
            interval,
        };
        Arc::make_mut(&mut self.0)
            .routes
            .push((route.into(), limit));
        self
    }

    /// So many packets of one user, over all connections of this server's acceptors that are
    /// wrapped in a clone of this, besides the limit of each connection. Holds from the bind on.
    pub fn per_user(mut self, limit: usize, interval: Duration) -> Self {
        let limit = Limit {
            packets: limit,
            interval,
        };
        Arc::make_mut(&mut self.0).user = Some((limit, Arc::default()));
        self
    }

    /// Answers refused requests with this error instead of dropping them. Other packets are dropped
    /// all the same.
    pub fn answer(
        mut self,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Arc::make_mut(&mut self.0).answer = Some((code.into(), message.into()));
        self
    }
}

impl Wrapper for RateLimit {
    fn open(&self, app: &AppHandle) -> Box<dyn Filter> {
        let configured = &app.config().conn.rate_limiting;
        if configured.force_disable {
            return Box::new(Unlimited);
        }
        Box::new(Limited {
            limit: self.0.connection.unwrap_or(Limit {
                packets: configured.limit,
                interval: configured.interval,
            }),
            connection: Window::default(),
            routes: self.0.routes.iter().map(|_| Window::default()).collect(),
            rules: Arc::clone(&self.0),
            shaken: false,
            acknowledged: false,
            exceeded: app.metrics().exceeded_rate_limiting.clone(),
        })
    }
}

/// What passes everything.
struct Unlimited;

impl Filter for Unlimited {}

/// The slots of one connection.
struct Limited {
    limit: Limit,
    connection: Window,
    /// As many as the rules have routes.
    routes: Vec<Window>,
    rules: Arc<Rules>,
    /// The first handshake has come.
    shaken: bool,
    /// The first ack has come.
    acknowledged: bool,
    exceeded: Arc<Tally>,
}

impl Filter for Limited {
    fn packet(&mut self, packet: &Inbound<'_>) -> Verdict {
        let is_free = match packet.kind() {
            PacketType::Heartbeat => true,
            PacketType::Handshake => !std::mem::replace(&mut self.shaken, true),
            PacketType::HandshakeAck => !std::mem::replace(&mut self.acknowledged, true),
            PacketType::Data | PacketType::Kick => false,
        };
        if is_free || self.take(packet) {
            return Verdict::Pass;
        }
        self.exceeded.increment(1);
        tracing::debug!(
            session = packet.session().id(),
            "a packet exceeds the rate limit"
        );
        match &self.rules.answer {
            Some((code, message)) => {
                Verdict::Answer(Err(Error::new(code.clone(), message.clone())))
            }
            None => Verdict::Drop,
        }
    }
}

impl Limited {
    /// Takes a slot of every limit that holds for the packet, or of none.
    fn take(&mut self, packet: &Inbound<'_>) -> bool {
        let now = Instant::now();
        if !self.connection.has_room(self.limit, now) {
            return false;
        }
        let route = match self.routes.is_empty() {
            true => None,
            false => packet.route(),
        };
        let mut of_route = Vec::new();
        if let Some(route) = route {
            for ((name, limit), window) in self.rules.routes.iter().zip(&mut self.routes) {
                if !names(name, &route) {
                    continue;
                }
                if !window.has_room(*limit, now) {
                    return false;
                }
                of_route.push(window);
            }
        }
        if let Some((limit, users)) = &self.rules.user
            && let Some(uid) = packet.session().uid()
            && !users.take(uid, *limit, now)
        {
            return false;
        }
        self.connection.take(now);
        for window in of_route {
            window.take(now);
        }
        true
    }
}

/// Whether `name` is this route, with its server type or without.
fn names(name: &str, route: &str) -> bool {
    name == route
        || route
            .split_once('.')
            .is_some_and(|(_, short)| short == name)
}

/// The slots of every user who has sent something lately.
#[derive(Debug, Default)]
struct Users(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    windows: HashMap<Uid, Window>,
    /// With so many, those whose slots are all free are forgotten.
    enough: usize,
}

/// So many users are kept in any case.
const FEW: usize = 1024;

impl Users {
    fn take(&self, uid: Uid, limit: Limit, now: Instant) -> bool {
        let mut users = self.0.lock();
        if users.windows.len() > users.enough {
            let in_use = |_: &Uid, window: &mut Window| !window.is_empty(limit.interval, now);
            users.windows.retain(in_use);
            users.enough = FEW.max(2 * users.windows.len());
        }
        let window = users.windows.entry(uid).or_default();
        let has_room = window.has_room(limit, now);
        if has_room {
            window.take(now);
        }
        has_room
    }
}
