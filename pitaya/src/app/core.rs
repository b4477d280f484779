//! What one running app consists of, as connections see it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use metrics::Gauge;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::AppHandle;
use super::config::{Config, InFlight, Overflow};
use super::pace::Pace;
use crate::agent::{Call, let_go, poll_caught};
use crate::cluster::wire::MsgType;
use crate::cluster::{self, Forward};
use crate::error::{Error, codes};
use crate::handler::table::Table;
use crate::handler::{CallFuture, Context, Hooked, finish_panicked};
use crate::isolate::{caught, isolated};
use crate::observe::Limit;
use crate::observe::trace::{self, MessageType, Own};
use crate::protocol::compression::{InflateError, Inflater};
use crate::protocol::handshake::HandshakeData;
use crate::protocol::message::{Message, MessageKind, RouteRef};
use crate::scratch::{self, Scratch};
use crate::session::backlog::Backlog;
use crate::session::outbound::Bounds;
use crate::session::{Most, Session, Wake};

/// An app with its services: what every connection's task shares.
pub(crate) struct Core {
    app: AppHandle,
    table: Table,
    handshake: Handshake,
    /// Caps running handlers, if the app asks for that.
    dispatch: Option<Dispatch>,
    /// How fast clients may connect, if that is limited.
    pace: Option<Mutex<Pace>>,
}

/// The places of running handlers.
struct Dispatch {
    places: Semaphore,
    busy: Gauge,
}

/// One of them, taken.
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    busy: &'a Gauge,
}

impl Dispatch {
    fn new(app: &AppHandle, places: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            busy: app.metrics().dispatch_workers(places),
        }
    }

    async fn place(&self) -> Option<Place<'_>> {
        let permit = self.places.acquire().await.ok()?;
        self.busy.increment(1.0);
        Some(Place {
            _permit: permit,
            busy: &self.busy,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.busy.decrement(1.0);
    }
}

/// The packets that answer a handshake, made once.
pub(super) struct Handshake {
    pub(super) accepted: Vec<u8>,
    pub(super) refused: Vec<u8>,
}

/// The configured limits in the form the hot path wants.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) heartbeat: Duration,
    pub(crate) handshake: Duration,
    pub(crate) establish: Duration,
    pub(crate) write: Duration,
    pub(crate) grace: Duration,
    /// Body sizes, without header.
    pub(crate) packet: usize,
    pub(crate) handshake_packet: usize,
    pub(crate) inflated: usize,
    pub(crate) read_ahead: usize,
    pub(crate) outbound: Bounds,
    pub(crate) close_on_overflow: bool,
    pub(crate) most: Most,
    pub(crate) pending: usize,
    /// Overlapping calls of one session; further ones wait in its input.
    pub(crate) overlapping: InFlight,
    /// From the handshake to the first bind.
    pub(crate) bind: Option<Duration>,
    /// Heartbeats without a message; 0 = any number.
    pub(crate) idle_beats: u32,
    /// The longest route that is looked at although it is none of this server's.
    pub(crate) route: usize,
    /// What one session may have on its way to servers of one type.
    pub(crate) forward: InFlight,
}

impl Limits {
    pub(super) fn of(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            heartbeat: config.heartbeat.interval,
            handshake: limits.handshake.timeout,
            establish: limits.establish_timeout,
            write: config.buffer.write_timeout,
            grace: config.handler.grace,
            packet: limits.packet,
            handshake_packet: limits.handshake.packet,
            inflated: limits.inflated,
            read_ahead: limits.read_ahead,
            outbound: Bounds {
                messages: config.buffer.messages,
                bytes: config.buffer.bytes,
                keys: config.buffer.keys,
                backlog: Backlog::new(limits.queued),
            },
            close_on_overflow: config.buffer.overflow == Overflow::Close,
            most: Most {
                sessions: limits.connections,
                of_address: limits.address_connections,
            },
            pending: limits.handshake.connections,
            overlapping: limits.concurrent.clone(),
            bind: Some(limits.bind_timeout).filter(|within| !within.is_zero()),
            idle_beats: beats(limits.idle_timeout, config.heartbeat.interval),
            route: limits.route,
            forward: limits.forward.clone(),
        }
    }
}

/// How many intervals make up a time, rounded up.
fn beats(time: Duration, interval: Duration) -> u32 {
    let beats = time.as_nanos().div_ceil(interval.as_nanos().max(1));
    u32::try_from(beats).unwrap_or(u32::MAX)
}

thread_local! {
    /// Inflation state is large and reusable, so a thread has one.
    static INFLATER: RefCell<Inflater> = const { RefCell::new(Inflater::new()) };
}

impl Core {
    pub(super) fn new(app: AppHandle, table: Table, handshake: Handshake, dispatch: usize) -> Self {
        Self {
            dispatch: (dispatch > 0).then(|| Dispatch::new(&app, dispatch)),
            pace: Pace::new(app.config().limits.accept_rate).map(Mutex::new),
            app,
            table,
            handshake,
        }
    }

    pub(crate) fn app(&self) -> &AppHandle {
        &self.app
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.app.limits()
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn handshake_accepted(&self) -> &[u8] {
        &self.handshake.accepted
    }

    pub(crate) fn handshake_refused(&self) -> &[u8] {
        &self.handshake.refused
    }

    /// Whether calls of this route may overlap.
    #[inline]
    pub(crate) fn overlaps(&self, route: u16) -> bool {
        self.table.route(route).is_some_and(|route| route.overlaps)
    }

    /// Whether this session has as many overlapping calls under way as it may.
    pub(crate) fn is_full(&self, session: &Session) -> bool {
        let most = &self.limits().overlapping;
        session.overlapping() as usize >= most.messages
            || session.overlapping_bytes() as usize >= most.bytes
    }

    /// Judges a handshake: keeps its data with the session, unless it is refused.
    pub(crate) fn handshake<'a>(
        &'a self,
        session: &'a Session,
        body: &[u8],
    ) -> impl Future<Output = Result<(), Error>> + Send + use<'a> {
        let data = HandshakeData::parse(body);
        async move {
            let metrics = self.app.metrics();
            let judged = match data {
                Err(error) => Err(Error::new(codes::BAD_REQUEST, error.to_string())),
                Ok(data) => {
                    let data = Arc::new(data);
                    self.validate(session, &data).await.map(|()| data)
                }
            };
            match judged {
                Ok(data) => {
                    if super::takes_codes(&data) {
                        session.set_takes_codes();
                    }
                    session.set_handshake(data);
                    metrics.handshakes_accepted.increment(1);
                    Ok(())
                }
                Err(error) => {
                    metrics.handshakes_refused.increment(1);
                    tracing::info!(session = session.id(), %error, "handshake refused");
                    Err(error)
                }
            }
        }
    }

    async fn validate(&self, session: &Session, data: &Arc<HandshakeData>) -> Result<(), Error> {
        for (name, validator) in self.app.validators() {
            let judge = async { validator(session.clone(), data.clone()).await };
            isolated(&self.app, "handshake_validator", judge)
                .await
                .map_err(|error| {
                    Error::new(codes::BAD_REQUEST, format!("validator `{name}`: {error}"))
                })?;
        }
        Ok(())
    }

    /// Starts a call and puts it into `place`: the future is large, and every move is a copy.
    /// False: the body does not inflate, which ends the connection.
    #[inline]
    pub(crate) fn start<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        compressed: bool,
        body: &[u8],
        mut place: Pin<&mut Option<CallFuture<'a>>>,
    ) -> bool {
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            if compressed {
                let call = self.inflated(body, |body| self.call(ctx, body));
                let inflates = call.is_ok();
                place.set(call.ok());
                inflates
            } else {
                place.set(Some(self.call(ctx, body)));
                true
            }
        }));
        decoded.unwrap_or_else(|_| {
            let error = caught(&self.app, "decode");
            place.set(Some(CallFuture::from(async { Err(error) })));
            true
        })
    }

    /// A call, which waits for a free place if running handlers are capped.
    ///
    /// Most do not, nor has anybody asked for their spans: they come straight from the table, because
    /// every move of the future is a copy.
    #[inline]
    fn call<'a>(&'a self, ctx: &'a Context<'a>, body: &[u8]) -> CallFuture<'a> {
        if ctx.span().is_some() || self.dispatch.is_some() {
            return self.call_held(ctx, body);
        }
        self.table.dispatch(ctx.mounted(), ctx, body)
    }

    #[cold]
    fn call_held<'a>(&'a self, ctx: &'a Context<'a>, body: &[u8]) -> CallFuture<'a> {
        let span = ctx.span();
        let call = {
            let _in_span = span.map(Span::enter);
            self.table.dispatch(ctx.mounted(), ctx, body)
        };
        let call = match &self.dispatch {
            None => call,
            Some(dispatch) => CallFuture::from_or_box(async move {
                let _place = dispatch.place().await;
                call.await
            }),
        };
        within(span, call)
    }

    /// A place among the running handlers, if those are capped; for a message that runs elsewhere.
    pub(crate) async fn place(&self) -> Option<Place<'_>> {
        self.dispatch.as_ref()?.place().await
    }

    /// Whether a compressed body is what it claims to be.
    pub(crate) fn inflates(&self, body: &[u8]) -> bool {
        self.inflated(body, |_| ()).is_ok()
    }

    fn inflated<R>(&self, body: &[u8], then: impl FnOnce(&[u8]) -> R) -> Result<R, ()> {
        let mut inflated = scratch::take(Scratch::Zlib);
        let outcome = INFLATER.try_with(|inflater| match inflater.try_borrow_mut() {
            Ok(mut inflater) => inflater.inflate(body, self.limits().inflated, &mut inflated),
            Err(_) => Inflater::new().inflate(body, self.limits().inflated, &mut inflated),
        });
        let result = match outcome {
            Ok(Ok(())) => Ok(then(&inflated)),
            Ok(Err(error)) => {
                if let InflateError::OverLimit { .. } = error {
                    self.app.metrics().limit_reached(Limit::Inflated);
                }
                tracing::debug!(%error, "closing");
                Err(())
            }
            Err(_) => Err(()),
        };
        scratch::give(Scratch::Zlib, inflated);
        result
    }

    /// Answers, counts and logs what became of a call that came with the read at `read_at` and then
    /// waited for its turn: when that was done, and how long after the read.
    #[inline]
    pub(crate) fn settle(
        &self,
        ctx: &Context<'_>,
        read_at: Instant,
        waited: Duration,
        result: Result<(), Error>,
    ) -> (Instant, Duration) {
        let metrics = &ctx.mounted().metrics;
        metrics.delayed(waited);
        match result {
            Ok(()) => {
                let now = Instant::now();
                let time = now - read_at;
                metrics.succeeded(time);
                (now, time)
            }
            Err(error) => {
                self.failed(ctx, read_at, &error);
                let now = Instant::now();
                (now, now - read_at)
            }
        }
    }

    #[cold]
    fn failed(&self, ctx: &Context<'_>, read_at: Instant, error: &Error) {
        ctx.mounted()
            .metrics
            .failed(read_at.elapsed(), error.code());
        if let Some(span) = ctx.span() {
            trace::failed(span, error);
        }
        let _in_span = ctx.span().map(Span::enter);
        let (route, session) = (&ctx.mounted().path, ctx.session().id());
        match std::error::Error::source(error) {
            Some(cause) => {
                tracing::error!(route, session, code = error.code(), %error, cause, "a handler failed")
            }
            None => {
                tracing::debug!(route, session, code = error.code(), %error, "a handler answered an error")
            }
        }
        ctx.reply_error(error);
    }

    /// What a panic of a handler leaves to do: the after-hooks see it as an error.
    ///
    /// Hooks are isolated themselves, so what unwinds to the connection's task is the handler.
    #[cold]
    pub(crate) fn panicked<'a>(&'a self, ctx: &'a Context<'a>) -> CallFuture<'a> {
        self.app.metrics().panicked("handler");
        let error = Error::new(codes::INTERNAL, "internal error");
        let _in_span = ctx.span().map(Span::enter);
        tracing::error!(
            route = ctx.route(),
            session = ctx.session().id(),
            "a handler panicked"
        );
        let after = CallFuture::from_or_box(async move {
            if ctx.hooks().after.is_empty() {
                return Err(error);
            }
            finish_panicked(ctx, error).await
        });
        within(ctx.span(), after)
    }

    /// What became of a call whose client has left; `None` if it was dropped.
    pub(crate) fn settle_late(
        &self,
        ctx: &Context<'_>,
        read_at: Instant,
        waited: Duration,
        result: Option<Result<(), Error>>,
    ) {
        if let Some(result) = result {
            self.settle(ctx, read_at, waited, result);
            return;
        }
        let metrics = self.app.metrics();
        let cancelled = ctx.mounted().spec.options.cancel;
        if cancelled {
            &metrics.cancelled
        } else {
            &metrics.grace_expired
        }
        .increment(1);
        ctx.mounted()
            .metrics
            .failed(read_at.elapsed(), codes::CLIENT_CLOSED);
        ctx.client_left();
        let (route, session) = (&ctx.mounted().path, ctx.session().id());
        tracing::info!(
            route,
            session,
            cancelled,
            "a handler was dropped: its client has left"
        );
    }

    /// Runs a call of its own task, beside others of its session.
    pub(crate) fn spawn_call(
        self: &Arc<Self>,
        session: &Session,
        call: Call,
        read_at: Instant,
        body: &[u8],
    ) {
        let Call {
            route,
            id,
            compressed,
            route_len,
        } = call;
        let overlap = session.overlap(body.len());
        let (core, session, body) = (self.clone(), session.clone(), body.to_vec());
        self.app.tasks().spawn(async move {
            let _overlap = overlap;
            let Some(route) = core.table.route(route) else {
                return;
            };
            let ctx = Context::new(&session, route, id, read_at);
            ctx.begin(route_len);
            let mut call = pin!(None);
            if !core.start(&ctx, compressed, &body, call.as_mut()) {
                session.end_broken();
                return;
            }
            drop(body);
            let Some(mut call) = call.as_pin_mut() else {
                return;
            };
            let waited = read_at.elapsed();
            let closed = async {
                session.closed().await;
                if !route.spec.options.cancel {
                    tokio::time::sleep(core.limits().grace).await;
                }
            };
            let ended = async {
                loop {
                    match std::future::poll_fn(|cx| poll_caught(call.as_mut(), cx)).await {
                        Some(result) => return result,
                        None => call.set(core.panicked(&ctx)),
                    }
                }
            };
            let result = tokio::select! {
                biased;
                result = ended => Some(result),
                () = closed => None,
            };
            let_go(&core, call);
            core.settle_late(&ctx, read_at, waited, result);
        });
    }

    /// Counts what became of a message that was forwarded here and then waited for its turn; its
    /// answer goes to the client's own server.
    pub(crate) fn measure(
        &self,
        ctx: &Context<'_>,
        came: Instant,
        waited: Duration,
        result: &Result<(), Error>,
    ) {
        let metrics = &ctx.mounted().metrics;
        metrics.delayed(waited);
        match result {
            Ok(()) => metrics.succeeded(came.elapsed()),
            Err(error) => metrics.failed(came.elapsed(), error.code()),
        }
    }

    /// Sends a message on to a server of another type. The error means that its body does not
    /// inflate, which ends the connection.
    pub(crate) fn forward(
        self: &Arc<Self>,
        session: &Session,
        id: u64,
        route: String,
        message: &Message<'_>,
    ) -> Result<(), ()> {
        let data = if message.compressed {
            self.inflated(message.body, Bytes::copy_from_slice)?
        } else {
            Bytes::copy_from_slice(message.body)
        };
        let notify = message.kind == MessageKind::Notify;
        let msg_type = if notify {
            MsgType::MsgNotify
        } else {
            MsgType::MsgRequest
        };
        let received = Instant::now();
        let request = fastrand::u128(..);
        let metadata = || trace::origin(request, received);
        let own = Own::begin(session, &route, MessageType::of(message), metadata);
        let forward = Forward {
            id,
            kind: msg_type,
            request,
            own: own.map(Box::new),
            route,
            data,
            received,
        };
        cluster::forward(self, session, forward);
        Ok(())
    }

    /// Answers and counts a message that reaches no handler.
    #[cold]
    pub(crate) fn refuse(&self, session: &Session, id: u64, message: &Message<'_>, error: &Error) {
        let route = self.table.text(message.route);
        let metadata = || trace::origin(fastrand::u128(..), Instant::now());
        let own = Own::begin(session, &route, MessageType::of(message), metadata);
        let span = own.map_or_else(Span::none, |own| own.span);
        trace::failed(&span, error);
        let _in_span = span.enter();
        self.app.metrics().message_refused(error.code());
        tracing::debug!(session = session.id(), code = error.code(), %error, "a message was refused");
        if id != 0 {
            session.reply_error(id, error, Wake::No);
        }
    }

    /// Whether a route that is none of this server's is longer than what is looked at.
    pub(crate) fn is_too_long(&self, route: RouteRef<'_>) -> bool {
        matches!(route, RouteRef::Name(name) if name.len() > self.limits().route)
    }

    /// Whether one more client may connect in this moment.
    pub(super) fn is_in_pace(&self) -> bool {
        self.pace
            .as_ref()
            .is_none_or(|pace| pace.lock().admit(Instant::now()))
    }

    /// Counts a connection whose handshake is not done; `None` when there are too many.
    pub(super) fn pending(&self) -> Option<Pending> {
        let limit = self.limits().pending;
        let earlier = self.app.0.pending.fetch_add(1, Ordering::AcqRel);
        let pending = Pending(self.app.clone());
        (limit == 0 || earlier < limit).then_some(pending)
    }
}

/// A call inside its span, if it has one.
fn within<'a>(span: Option<&Span>, call: CallFuture<'a>) -> CallFuture<'a> {
    match span {
        None => call,
        Some(span) => CallFuture::from_or_box(call.instrument(span.clone())),
    }
}

/// One connection whose handshake is not done.
pub(crate) struct Pending(AppHandle);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.0.pending.fetch_sub(1, Ordering::AcqRel);
    }
}
