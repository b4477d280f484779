//! What an operator wants to see of a running server at once: read when somebody asks, kept nowhere.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::AppHandle;
use crate::session::outbound::Gate;
use crate::uid::Uid;

/// Sessions and handlers that are named; of the others there are sums.
const NAMED: usize = 10;

/// The state of an app at one moment: [`AppHandle::report`]. Printed, it is one page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The server's type.
    pub kind: String,
    /// The server's id.
    pub id: String,
    /// Time since the app was built.
    pub uptime: Duration,
    /// Everything has started and no shutdown has begun.
    pub running: bool,
    /// Connections by state.
    pub connections: ConnectionStates,
    /// What waits for clients, and is at work for them.
    pub queues: Queues,
    /// The sessions for which the most bytes wait, at most ten, the most first.
    pub slowest_sessions: Vec<SessionQueue>,
    /// What was refused, closed and dropped since the start, by cause.
    pub causes: Vec<Cause>,
    /// The handlers whose slow calls took the longest in all, at most ten.
    pub slowest_handlers: Vec<SlowHandler>,
    /// How the server is connected to others; `None` for one that stands alone.
    pub cluster: Option<ClusterState>,
}

/// How many connections there are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ConnectionStates {
    /// Accepted; PROXY header, TLS or the upgrade are not done.
    pub establishing: usize,
    /// Established, not yet served: the handshake or its acknowledgement is missing.
    pub handshaking: usize,
    /// Served.
    pub open: usize,
    /// Of those, bound to a user.
    pub bound: usize,
    /// Of those, with a socket that takes nothing at the moment.
    pub stalled: usize,
    /// Ending: what is queued still leaves.
    pub closing: usize,
}

/// What waits and is at work, in all sessions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Queues {
    /// Pushes that wait.
    pub messages: u64,
    /// Bytes that wait, replies included.
    pub bytes: u64,
    /// Of those, for clients that do not keep up.
    pub backlog: u64,
    /// How large the backlog may become: `pitaya.limits.queued`.
    pub backlog_limit: u64,
    /// Calls of concurrent routes under way.
    pub concurrent: u64,
    /// Messages on their way to other servers.
    pub forwarded: u64,
}

/// What waits for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionQueue {
    /// The session's number.
    pub id: u64,
    /// The user.
    pub uid: Option<Uid>,
    /// The client's address.
    pub peer: Option<SocketAddr>,
    /// Pushes that wait.
    pub messages: u32,
    /// Bytes that wait, replies included.
    pub bytes: u64,
    /// Its socket takes nothing at the moment.
    pub stalled: bool,
}

/// How often something happened for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cause {
    /// What happened: `connection refused`, `session closed`, `limit reached`, ..
    pub what: &'static str,
    /// Why, as the metrics name it.
    pub cause: &'static str,
    /// How many times since the start.
    pub count: u64,
}

/// The calls of one route that took a millisecond or more, from the read that brought the message to
/// its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowHandler {
    /// The whole route.
    pub route: String,
    /// How many such calls.
    pub calls: u64,
    /// Their time together.
    pub total: Duration,
    /// The longest of them.
    pub longest: Duration,
}

/// How a server is connected to others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterState {
    /// Calls can go out.
    pub client_connected: bool,
    /// Calls can come in.
    pub server_connected: bool,
    /// Known servers by type, this one included.
    pub servers: BTreeMap<String, usize>,
}

impl AppHandle {
    /// The state of this app at this moment. It looks at every session, one after the other, and holds
    /// nothing up; [`App::run`](crate::App::run) logs it when the process gets SIGUSR1.
    pub fn report(&self) -> Report {
        let mut connections = ConnectionStates::default();
        let backlog = &self.limits().outbound.backlog;
        let mut queues = Queues {
            backlog: backlog.total(),
            backlog_limit: backlog.limit(),
            ..Queues::default()
        };
        let mut sessions = Vec::new();
        for session in self.pool().all() {
            let waiting = session.out().waiting();
            match (waiting.ended, waiting.gate) {
                (true, _) => connections.closing += 1,
                (false, Gate::Held) => connections.handshaking += 1,
                (false, Gate::Open) => {
                    connections.open += 1;
                    connections.bound += usize::from(session.uid().is_some());
                    connections.stalled += usize::from(waiting.stalled);
                }
            }
            queues.messages += u64::from(waiting.messages);
            queues.bytes += waiting.bytes;
            queues.concurrent += u64::from(session.overlapping());
            queues.forwarded += u64::from(session.forwarded());
            if waiting.bytes > 0 {
                sessions.push((waiting, session));
            }
        }
        let pending = self.0.pending.load(Ordering::Acquire);
        connections.establishing = pending.saturating_sub(connections.handshaking);
        sessions.sort_unstable_by_key(|(waiting, _)| Reverse(waiting.bytes));
        let slowest = sessions.into_iter().take(NAMED);
        Report {
            kind: self.server().kind.clone(),
            id: self.server().id.clone(),
            uptime: self.0.since.elapsed(),
            running: self.is_running(),
            connections,
            queues,
            slowest_sessions: slowest
                .map(|(waiting, session)| SessionQueue {
                    id: session.id(),
                    uid: session.uid(),
                    peer: session.remote_addr(),
                    messages: waiting.messages,
                    bytes: waiting.bytes,
                    stalled: waiting.stalled,
                })
                .collect(),
            causes: self.causes(),
            slowest_handlers: self.slowest_handlers(),
            cluster: self.cluster().ok().map(|cluster| ClusterState {
                client_connected: cluster.client.is_connected(),
                server_connected: cluster.server.is_connected(),
                servers: self.directory().counts(),
            }),
        }
    }

    fn causes(&self) -> Vec<Cause> {
        let tallied = self.metrics().tallied().into_iter();
        tallied
            .map(|tallied| Cause {
                what: tallied.what,
                cause: tallied.cause,
                count: tallied.count,
            })
            .collect()
    }

    fn slowest_handlers(&self) -> Vec<SlowHandler> {
        let slow = self.metrics().slow().slowest(NAMED).into_iter();
        slow.map(|slow| SlowHandler {
            route: slow.path,
            calls: slow.calls,
            total: slow.total,
            longest: slow.longest,
        })
        .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.running {
            "running"
        } else {
            "not running"
        };
        let uptime = Duration::from_secs(self.uptime.as_secs());
        writeln!(f, "{} {}, {state}, up {uptime:?}", self.kind, self.id)?;
        let c = &self.connections;
        writeln!(
            f,
            "connections: {} establishing, {} handshaking, {} open ({} bound, {} stalled), {} closing",
            c.establishing, c.handshaking, c.open, c.bound, c.stalled, c.closing
        )?;
        let q = &self.queues;
        writeln!(
            f,
            "waiting for clients: {} pushes, {} bytes; backlog {} of {} bytes",
            q.messages, q.bytes, q.backlog, q.backlog_limit
        )?;
        writeln!(
            f,
            "at work: {} concurrent calls, {} messages at other servers",
            q.concurrent, q.forwarded
        )?;
        if let Some(cluster) = &self.cluster {
            let connected = |yes| if yes { "connected" } else { "NOT connected" };
            write!(
                f,
                "cluster: calls out {}, calls in {}, servers:",
                connected(cluster.client_connected),
                connected(cluster.server_connected)
            )?;
            for (kind, count) in &cluster.servers {
                write!(f, " {kind} {count}")?;
            }
            writeln!(f)?;
        }
        section(f, "most waits for", &self.slowest_sessions, |f, session| {
            write!(f, "session {}", session.id)?;
            if let Some(uid) = &session.uid {
                write!(f, ", user {uid:?}")?;
            }
            if let Some(peer) = session.peer {
                write!(f, ", at {peer}")?;
            }
            write!(f, ": {} pushes, {} bytes", session.messages, session.bytes)?;
            f.write_str(if session.stalled { ", stalled" } else { "" })
        })?;
        section(f, "since the start", &self.causes, |f, cause| {
            write!(f, "{}, {}: {}", cause.what, cause.cause, cause.count)
        })?;
        section(f, "slowest handlers", &self.slowest_handlers, |f, slow| {
            write!(
                f,
                "{}: {} slow calls, {:?} in all, {:?} the longest",
                slow.route, slow.calls, slow.total, slow.longest
            )
        })
    }
}

fn section<T>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    items: &[T],
    line: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for item in items {
        f.write_str("  ")?;
        line(f, item)?;
        writeln!(f)?;
    }
    Ok(())
}
