//! Clients' messages on their way to other servers.
//!
//! Each session has one lane for each server type, made when it is needed and gone when it is
//! empty. A lane chooses the server of each message in arrival order. To a server that orders
//! messages per session itself the next one goes out at once; to any other only when the last one
//! was answered, which keeps the order there too. Lanes of different types, and the servers within
//! one, never wait for each other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::router::{self, Routing};
use super::wire::{Msg, MsgType, Request, RpcType};
use super::{Metadata, ServerInfo};
use crate::app::Core;
use crate::error::{Error, Result, codes};
use crate::isolate::isolated;
use crate::session::{Session, Wake};

/// A message of a client for another server type.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The request's id; 0 when no answer is wanted.
    pub(crate) id: u64,
    /// Whether the client sent a notify, which is acknowledged between servers only.
    pub(crate) kind: MsgType,
    /// The whole route.
    pub(crate) route: String,
    pub(crate) data: Bytes,
    pub(crate) received: Instant,
}

/// The lanes of one session, by server type.
pub(crate) type Lanes = HashMap<String, mpsc::Sender<Forward>>;

/// Messages of one session and server type that may wait or be unanswered.
const LANE: usize = 256;

/// Sends a message on its way; at once when it is the first of its lane.
pub(crate) fn forward(core: &Arc<Core>, session: &Session, kind: &str, message: Forward) {
    let refused = session.with_lanes(|lanes| {
        let message = match lanes.get(kind) {
            None => message,
            Some(lane) => match lane.try_send(message) {
                Ok(()) => return None,
                Err(mpsc::error::TrySendError::Full(message)) => return Some(message),
                // It has just come to its end.
                Err(mpsc::error::TrySendError::Closed(message)) => message,
            },
        };
        let (lane, queue) = mpsc::channel(LANE);
        let _ = lane.try_send(message);
        lanes.insert(kind.to_owned(), lane);
        let run = run(core.clone(), session.clone(), kind.to_owned(), queue);
        // The runtime's budget would let answers overtake each other.
        core.app().tasks().spawn(tokio::task::unconstrained(run));
        None
    });
    if let Some(message) = refused {
        let error = Error::new(codes::OVERLOADED, "too many messages wait for this server type");
        answer(core, session, &message, Err(error));
    }
}

/// A message and its answer.
type Answered = (Forward, Arc<ServerInfo>, Result<Bytes>);

async fn run(core: Arc<Core>, session: Session, kind: String, mut queue: mpsc::Receiver<Forward>) {
    let mut flights: FuturesUnordered<BoxFuture<'_, Answered>> = FuturesUnordered::new();
    // Messages for servers that take one at a time.
    let mut waiting: HashMap<String, VecDeque<(Forward, Arc<ServerInfo>)>> = HashMap::new();
    loop {
        if flights.is_empty() {
            // Nothing is under way: end, unless a message has come meanwhile.
            let idle = session.with_lanes(|lanes| {
                let idle = queue.is_empty();
                if idle {
                    lanes.remove(&kind);
                    queue.close();
                }
                idle
            });
            if idle && queue.is_empty() {
                return;
            }
        }
        tokio::select! {
            biased;
            Some((message, server, result)) = flights.next(), if !flights.is_empty() => {
                core.app().routers().in_flight(&kind, &server, -1);
                answer(&core, &session, &message, result);
                if let Some(next) = waiting.get_mut(&server.id) {
                    match next.pop_front() {
                        Some((message, server)) => start(&core, &session, &mut flights, message, server),
                        None => {
                            waiting.remove(&server.id);
                        }
                    }
                }
            }
            Some(message) = queue.recv(), if flights.len() < LANE => {
                match choose(&core, &session, &kind, &message).await {
                    Err(error) => answer(&core, &session, &message, Err(error)),
                    Ok(server) if server.is_ordered() => {
                        start(&core, &session, &mut flights, message, server);
                    }
                    Ok(server) => match waiting.get_mut(&server.id) {
                        Some(others) => others.push_back((message, server)),
                        None => {
                            waiting.insert(server.id.clone(), VecDeque::new());
                            start(&core, &session, &mut flights, message, server);
                        }
                    },
                }
            }
            else => return,
        }
    }
}

async fn choose(
    core: &Core,
    session: &Session,
    kind: &str,
    message: &Forward,
) -> Result<Arc<ServerInfo>> {
    let servers = core.app().directory().of_kind(kind);
    if servers.is_empty() {
        return Err(router::no_servers());
    }
    let Some(router) = core.app().routers().get(kind) else {
        return router::random(&servers).ok_or_else(router::no_servers);
    };
    let routing = Routing {
        session,
        route: &message.route,
        payload: &message.data,
        servers: &servers,
    };
    let routed = isolated(core.app(), "router", async { router.route(routing).await }).await;
    // A router's plain error is the server's own failure.
    routed.map_err(|error| match error.code() {
        codes::UNKNOWN => Error::new(codes::INTERNAL, error.message().to_owned()),
        _ => error,
    })
}

/// Sends a message; its place in the order of sending is taken when this returns.
fn start<'a>(
    core: &'a Arc<Core>,
    session: &'a Session,
    flights: &mut FuturesUnordered<BoxFuture<'a, Answered>>,
    message: Forward,
    server: Arc<ServerInfo>,
) {
    core.app().routers().in_flight(&server.kind, &server, 1);
    let mut flight: BoxFuture<'a, Answered> = Box::pin(async move {
        let result = send(core, session, &message, &server).await;
        (message, server, result)
    });
    // Polled once here: a set of futures polls in an order of its own.
    match futures_util::FutureExt::now_or_never(&mut flight) {
        Some(answered) => flights.push(Box::pin(std::future::ready(answered))),
        None => flights.push(flight),
    }
}

async fn send(core: &Core, session: &Session, message: &Forward, server: &ServerInfo) -> Result<Bytes> {
    let app = core.app();
    let cluster = app.cluster()?;
    let timeout = cluster.timeout;
    let metadata = Metadata::default()
        .with_request_id(uuid::Uuid::new_v4().simple().to_string())
        .with_start_time(super::unix_nanos())
        .for_call(app.server(), &message.route, timeout);
    let request = Request {
        r#type: RpcType::Sys.into(),
        session: Some(session.to_wire()),
        msg: Some(Msg {
            id: message.id,
            route: message.route.clone(),
            data: message.data.clone(),
            r#type: message.kind.into(),
            ..Msg::default()
        }),
        frontend_id: app.server().id.clone(),
        metadata: metadata.to_bytes(),
    };
    cluster.client.call(server, request, timeout).await
}

/// Hands the answer on, byte for byte; errors are encoded here.
fn answer(core: &Core, session: &Session, message: &Forward, result: Result<Bytes>) {
    let metrics = core.app().metrics();
    match result {
        Ok(body) => {
            metrics.forwarded(&message.route, message.received.elapsed(), "");
            if message.id != 0 {
                let _ = session.reply(message.id, &body, Wake::Yes);
            }
        }
        Err(error) => {
            metrics.forwarded(&message.route, message.received.elapsed(), error.code());
            tracing::debug!(session = session.id(), route = message.route, %error, "a forward failed");
            if message.id != 0 {
                session.reply_error(message.id, &error, Wake::Yes);
            }
        }
    }
}
