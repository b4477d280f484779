//! Clients' messages on their way to other servers.
//!
//! Each session has one lane for each server type, made when it is needed and gone when it is
//! empty. A lane chooses the server of each message in arrival order. To a server that orders
//! messages per session itself the next one goes out at once; to any other only when the last one
//! was answered, which keeps the order there too. Lanes of different types, and the servers within
//! one, never wait for each other, and nothing in a lane outlives the caller's time: that runs from
//! the moment the message came, wherever the message is.
//!
//! What nobody took goes to another server of the type, in order of arrival, before anything that
//! came later is sent.

mod again;
mod entrance;

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use self::again::Again;
pub(crate) use self::entrance::Lanes;
use self::entrance::{Entered, Exit, Held, enter};
use super::router::{self, Route, Routing};
use super::rpc::{is_undelivered, undelivered};
use super::wire::{Msg, MsgType, Request, RpcType};
use super::{Connected, ServerInfo, timed_out};
use crate::app::{AppHandle, Core};
use crate::error::{Error, Result, codes};
use crate::isolate::{isolated, isolated_now};
use crate::observe::{Limit, Resent, trace};
use crate::session::{Session, Wake};

/// A message of a client for another server type.
pub(crate) struct Forward {
    /// The request's id; 0 when no answer is wanted.
    pub(crate) id: u64,
    /// Whether the client sent a notify, which is acknowledged between servers only.
    pub(crate) kind: MsgType,
    /// The whole route.
    pub(crate) route: String,
    pub(crate) data: Bytes,
    /// When it came from the client.
    pub(crate) received: Instant,
    /// The id under which the logs of all servers tell of it.
    pub(crate) request: u128,
    /// Its span, if a subscriber wants it.
    pub(crate) own: Option<Box<trace::Own>>,
}

impl Forward {
    fn span(&self) -> Option<&Span> {
        self.own.as_ref().map(|own| &own.span)
    }

    /// What goes along with it to a server that has this much time for it, and the call's span.
    fn metadata(
        &self,
        app: &AppHandle,
        cluster: &Connected,
        server: &ServerInfo,
        timeout: Duration,
    ) -> (Span, Bytes) {
        let (route, request) = (&*self.route, self.request);
        let metadata = match &self.own {
            Some(own) => own.metadata.clone(),
            None if trace::is_wanted() => trace::origin(request, self.received),
            None => {
                let start = trace::start_time(self.received.elapsed());
                let metadata = cluster.sender.origin(route, timeout, request, start);
                return (Span::none(), metadata);
            }
        };
        let metadata = metadata.for_call(app.server(), route, timeout);
        let (span, metadata) = trace::calling(app, cluster.client.name(), server, metadata);
        (span, metadata.to_bytes())
    }
}

/// Messages of one lane that may be on their way to one server, so that a server which hangs leaves
/// room for the others.
const SERVER: usize = 256;

/// Sends a message on its way; at once when it is the first of its lane.
pub(crate) fn forward(core: &Arc<Core>, session: &Session, message: Forward) {
    let kind = message.route.split('.').next().unwrap_or_default();
    // Types come from clients: none that does not exist gets a lane.
    let Some(kind) = core.app().directory().kind(kind) else {
        return answer(core, session, &message, Err(router::no_servers()));
    };
    match enter(session, &kind, message, &core.limits().forward) {
        Entered::Waits => {}
        Entered::First(held, exit) => {
            // Boxed, because a task's future is moved many times before it is in its place.
            let run = Box::pin(run(core.clone(), exit, held));
            // The runtime's budget would let answers overtake each other.
            core.app().tasks().spawn(tokio::task::unconstrained(run));
        }
        Entered::Refused(message) => {
            core.app().metrics().limit_reached(Limit::Forwarded);
            answer(core, session, &message, Err(overloaded()));
        }
    }
}

fn overloaded() -> Error {
    Error::new(
        codes::OVERLOADED,
        "too many messages wait for this server type",
    )
}

/// A message and its answer.
type Answered = (Held, Arc<ServerInfo>, Result<Bytes>);

/// A message and the server that its router chose.
type Routed = (Held, Result<Arc<ServerInfo>>);

/// Which server a message goes to.
enum Choice<'a> {
    Made(Held, Result<Arc<ServerInfo>>),
    Later(BoxFuture<'a, Routed>),
}

/// The number of the message that a lane begins with.
const FIRST: u64 = 0;

/// What one lane has on its way to one server.
#[derive(Default)]
struct Under {
    /// Sent and not answered, by number.
    way: Vec<u64>,
    /// For a server that takes one at a time.
    waiting: VecDeque<Held>,
}

/// A lane at work.
struct Run<'a> {
    core: &'a Arc<Core>,
    session: &'a Session,
    kind: &'a str,
    /// The server that the first message is on its way to, while nothing else is.
    alone: Option<Arc<ServerInfo>>,
    /// None as long as no other message has come.
    flights: Option<FuturesUnordered<BoxFuture<'a, Answered>>>,
    /// By the server's id.
    servers: HashMap<String, Under, foldhash::fast::RandomState>,
    /// What nobody took, and what must not overtake it.
    again: Again<Held>,
}

async fn run(core: Arc<Core>, exit: Exit, first: Held) {
    let mut lane = Run {
        core: &core,
        session: &exit.session,
        kind: &exit.kind,
        alone: None,
        flights: None,
        servers: HashMap::default(),
        again: Again::new(),
    };
    let mut received = 1;
    // Most messages come alone: the first one's call is part of this future, and has no account.
    let mut alone = pin!(None);
    // The choice for the next message, in arrival order.
    let mut choice = None;
    match lane.choose(first) {
        Some(Choice::Made(held, Ok(server))) if held.message.own.is_none() => {
            lane.count(&server, 1);
            lane.alone = Some(server.clone());
            alone.set(Some(fly(&core, &exit.session, held, server)));
        }
        chosen => choice = lane.follow(chosen),
    }
    loop {
        if choice.is_none()
            && let Some(held) = lane.again.next()
        {
            choice = lane.route(held);
            continue;
        }
        let flying = alone.is_some() || lane.flights.as_ref().is_some_and(|all| !all.is_empty());
        if !flying && choice.is_none() {
            // Nothing is under way: end, unless a message has come meanwhile.
            if exit.end_if_empty() {
                return;
            }
        }
        let silent = lane.again.until().map(tokio::time::sleep_until);
        tokio::select! {
            biased;
            answered = poll_fn(|cx| lane.poll(alone.as_mut(), cx)), if flying => lane.landed(answered),
            Some((held, routed)) = OptionFuture::from(choice.as_mut()), if choice.is_some() => {
                choice = None;
                if lane.again.holds(held.number) {
                    lane.again.hold(held.number, held);
                } else {
                    lane.send(held, routed);
                }
            }
            mut held = poll_fn(|cx| exit.poll(cx)), if choice.is_none() && lane.again.is_empty() => {
                held.number = received;
                received += 1;
                choice = lane.route(held);
            }
            Some(()) = OptionFuture::from(silent), if lane.again.until().is_some() => lane.again.pass(),
            else => return,
        }
    }
}

/// Asks the application's router for a server, as long as the message has time.
async fn choose<'a>(
    core: &'a Core,
    session: &'a Session,
    kind: &'a str,
    router: &'a Arc<dyn Route>,
    held: Held,
) -> Routed {
    let message = &held.message;
    let directory = core.app().directory();
    let servers = directory.available_but(kind, &held.tried);
    if servers.is_empty() {
        let error = nobody(&held);
        return (held, Err(error));
    }
    let routing = Routing {
        session,
        route: &message.route,
        payload: &message.data,
        servers: &servers,
    };
    let routed = isolated(core.app(), "router", async { router.route(routing).await });
    let timeout = core
        .app()
        .cluster()
        .map(|cluster| cluster.timeout)
        .unwrap_or_default();
    let routed = match tokio::time::timeout(remaining(message, timeout), routed).await {
        Ok(routed) => routed,
        Err(_) => Err(timed_out(timeout, &message.route, core.app().server(), "")),
    };
    let routed = match routed {
        Ok(server) if directory.by_id(&server.id).is_none() => Err(Error::new(
            codes::INTERNAL,
            "can't find any server with the provided ID",
        )),
        // Not among those it was offered.
        Ok(server) if held.tried.iter().any(|tried| tried.id == server.id) => {
            Err(undelivered(&server))
        }
        Ok(server) => Ok(server),
        // A router's plain error is the server's own failure.
        Err(error) => Err(error.or_internal()),
    };
    (held, routed)
}

/// Why there is no server for a message.
fn nobody(held: &Held) -> Error {
    match held.tried.last() {
        Some(server) => undelivered(server),
        None => router::no_servers(),
    }
}

impl<'a> Run<'a> {
    /// Sends a message to whichever server is chosen for it: at once, or after the choice that is
    /// given back.
    fn route(&mut self, held: Held) -> Option<BoxFuture<'a, Routed>> {
        let chosen = self.choose(held);
        self.follow(chosen)
    }

    /// Chooses the server for a message; nothing when its client has left.
    fn choose(&self, held: Held) -> Option<Choice<'a>> {
        let (core, session, kind) = (self.core, self.session, self.kind);
        if session.is_closed() {
            self.drop_unsent(&held);
            return None;
        }
        if let Some(router) = core.app().routers().get(kind) {
            let span = held.message.span().cloned();
            let choose = choose(core, session, kind, router, held);
            return Some(Choice::Later(boxed(choose, span)));
        }
        let servers = core.app().directory().available_but(kind, &held.tried);
        let server = router::random(&servers).ok_or_else(|| nobody(&held));
        Some(Choice::Made(held, server))
    }

    fn follow(&mut self, chosen: Option<Choice<'a>>) -> Option<BoxFuture<'a, Routed>> {
        match chosen? {
            Choice::Later(choice) => Some(choice),
            Choice::Made(held, server) => {
                self.send(held, server);
                None
            }
        }
    }

    /// The next answer; `alone` is the first message's call.
    fn poll(
        &mut self,
        mut alone: Pin<&mut Option<impl Future<Output = Answered>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Answered> {
        if let Some(flight) = alone.as_mut().as_pin_mut()
            && let Poll::Ready(answered) = flight.poll(cx)
        {
            alone.set(None);
            self.alone = None;
            return Poll::Ready(answered);
        }
        match self.flights.as_mut().map(|all| all.poll_next_unpin(cx)) {
            Some(Poll::Ready(Some(answered))) => Poll::Ready(answered),
            _ => Poll::Pending,
        }
    }

    /// Sends a message, or lets it wait for those before it.
    fn send(&mut self, held: Held, routed: Result<Arc<ServerInfo>>) {
        let server = match routed {
            Ok(server) => server,
            Err(error) => return answer(self.core, self.session, &held.message, Err(error)),
        };
        if let Some(server) = self.alone.take() {
            let under = self.servers.entry(server.id.clone()).or_default();
            under.way.push(FIRST);
        }
        let under = self.servers.entry(server.id.clone()).or_default();
        if under.way.len() + under.waiting.len() >= SERVER {
            return answer(self.core, self.session, &held.message, Err(overloaded()));
        }
        if !under.way.is_empty() && (!server.is_ordered() || !under.waiting.is_empty()) {
            under.waiting.push_back(held);
            return;
        }
        under.way.push(held.number);
        self.start(held, server);
    }

    /// Starts a call; its place in the order of sending is taken when this returns.
    fn start(&mut self, held: Held, server: Arc<ServerInfo>) {
        let (core, session) = (self.core, self.session);
        self.count(&server, 1);
        let span = held.message.span().cloned();
        let mut flight: BoxFuture<'a, Answered> = boxed(fly(core, session, held, server), span);
        let flights = self.flights.get_or_insert_default();
        // Polled once here: a set of futures polls in an order of its own.
        match (&mut flight).now_or_never() {
            Some(answered) => flights.push(Box::pin(std::future::ready(answered))),
            None => flights.push(flight),
        }
    }

    /// A call has ended: the next one for its server may start.
    fn landed(&mut self, (mut held, server, result): Answered) {
        self.count(&server, -1);
        let (core, session) = (self.core, self.session);
        let in_time = self.again.settle(held.number);
        let mut none = Under::default();
        let under = self.servers.get_mut(&server.id).unwrap_or(&mut none);
        under.way.retain(|number| *number != held.number);
        let lost = in_time && result.as_ref().is_err_and(is_undelivered);
        if lost {
            held.tried.push(server.clone());
        }
        let directory = core.app().directory();
        let others = lost && !directory.available_but(self.kind, &held.tried).is_empty();
        if others && !session.is_closed() {
            let later = |number: &&u64| **number > held.number;
            let later = under.way.iter().filter(later).copied();
            self.again.doubt(later, Instant::now());
            for unsent in under.waiting.drain(..) {
                self.again.hold(unsent.number, unsent);
            }
            core.app().metrics().resent(Resent::Forward);
            self.again.hold(held.number, held);
        } else {
            answer(core, session, &held.message, result);
        }
        let mut unsent = VecDeque::new();
        if session.is_closed() {
            unsent = std::mem::take(&mut under.waiting);
        }
        if under.way.is_empty() {
            match under.waiting.pop_front() {
                Some(next) => {
                    under.way.push(next.number);
                    self.start(next, server);
                }
                None => drop(self.servers.remove(&server.id)),
            }
        }
        unsent.iter().for_each(|held| self.drop_unsent(held));
    }

    /// The client has left before this was sent.
    fn drop_unsent(&self, held: &Held) {
        self.core.app().metrics().unserved.increment(1);
        if let Some(own) = &held.message.own {
            own.client_left();
        }
    }

    /// Tells the type's router of a call that was started or has ended.
    fn count(&self, server: &ServerInfo, change: isize) {
        if let Some(router) = self.core.app().routers().get(self.kind) {
            let _ = isolated_now(self.core.app(), "router", || {
                router.in_flight(server, change)
            });
        }
    }
}

/// A future inside its message's span, if that has one: most have none, and a future is not moved
/// once more for nothing.
fn boxed<'a, T>(
    future: impl Future<Output = T> + Send + 'a,
    span: Option<Span>,
) -> BoxFuture<'a, T> {
    match span {
        None => Box::pin(future),
        Some(span) => Box::pin(future.instrument(span)),
    }
}

/// How much of its time a message has left, in whole milliseconds; all of it when it has hardly
/// waited, so that errors name the configured time.
fn remaining(message: &Forward, timeout: Duration) -> Duration {
    let waited = message.received.elapsed();
    if waited < timeout / 100 {
        return timeout;
    }
    let left = timeout.saturating_sub(waited).as_millis();
    Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX))
}

/// A message's way there and back.
async fn fly(core: &Core, session: &Session, held: Held, server: Arc<ServerInfo>) -> Answered {
    let result = send(core, session, &held.message, &server).await;
    (held, server, result)
}

async fn send(
    core: &Core,
    session: &Session,
    message: &Forward,
    server: &ServerInfo,
) -> Result<Bytes> {
    let app = core.app();
    let cluster = app.cluster()?;
    let timeout = remaining(message, cluster.timeout);
    let late = || timed_out(cluster.timeout, &message.route, app.server(), &server.id);
    if timeout.is_zero() {
        return Err(late());
    }
    let _place = tokio::time::timeout(timeout, core.place())
        .await
        .map_err(|_| late())?;
    call(core, cluster, session, message, server, timeout).await
}

async fn call(
    core: &Core,
    cluster: &Connected,
    session: &Session,
    message: &Forward,
    server: &ServerInfo,
    timeout: Duration,
) -> Result<Bytes> {
    let app = core.app();
    let (span, metadata) = message.metadata(app, cluster, server, timeout);
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
        metadata,
    };
    let (started, waited) = (Instant::now(), message.received.elapsed());
    let mut calling = pin!(cluster.call(app, server, request, timeout));
    let result = poll_fn(|cx| span.in_scope(|| calling.as_mut().poll(cx))).await;
    trace::outcome(&span, &result);
    let code = result.as_ref().err().map(Error::code).unwrap_or_default();
    let metrics = app.metrics();
    metrics.forward_delayed(&message.route, waited, code);
    metrics.rpc(&message.route, started.elapsed(), code);
    result
}

/// Hands the answer on, byte for byte; errors are encoded here.
fn answer(core: &Core, session: &Session, message: &Forward, result: Result<Bytes>) {
    let result = result.and_then(|body| match message.id {
        0 => Ok(()),
        id => session.reply(id, &body, Wake::Yes),
    });
    let code = result.as_ref().err().map(Error::code).unwrap_or_default();
    core.app()
        .metrics()
        .forwarded(&message.route, message.received.elapsed(), code);
    if let Err(error) = result {
        let _in_span = message.span().map(|span| {
            trace::failed(span, &error);
            span.enter()
        });
        tracing::debug!(session = session.id(), route = message.route, %error, "a forward failed");
        if message.id != 0 && !session.is_closed() {
            session.reply_error(message.id, &error, Wake::Yes);
        }
    }
}
