//! What a handler is given besides its argument.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tracing::Span;

use super::RouteSpec;
use super::table::MountedRoute;
use super::values::Values;
use crate::app::AppHandle;
use crate::cluster::Metadata;
use crate::error::Error;
use crate::message::{AnyMessage, Body, Serializer};
use crate::observe::trace::{self, MessageType, Own};
use crate::session::{Session, Wake};

/// The circumstances of one call: its session, its app, its route.
///
/// It borrows; what a task of its own needs is cloned out of it:
/// `let session = ctx.session().clone()`.
pub struct Context<'a> {
    session: &'a Session,
    route: &'a MountedRoute,
    /// The request's id; 0 when no answer is wanted.
    id: u64,
    from: From<'a>,
    /// What most calls do without, in one place because contexts take room in every connection. An
    /// `Arc` because dropping an empty one is less code than with a `Box`.
    extras: OnceLock<Arc<Extras>>,
}

/// Where the message came from.
enum From<'a> {
    /// A client of this server, at this time.
    Client(Instant),
    Server(&'a Incoming),
}

/// What comes with a message that is forwarded.
pub(crate) struct Incoming {
    pub(crate) metadata: Metadata,
    /// When it came to this server.
    pub(crate) came: Instant,
    /// When the client's own server stops waiting.
    pub(crate) deadline: Instant,
}

#[derive(Default)]
struct Extras {
    /// On the client's own server: what the message is known by, made when somebody asks.
    own: OnceLock<Own>,
    /// What hooks leave for each other and for the handler.
    values: Values,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        session: &'a Session,
        route: &'a MountedRoute,
        id: u64,
        received: Instant,
    ) -> Self {
        Self {
            session,
            route,
            id,
            from: From::Client(received),
            extras: OnceLock::new(),
        }
    }

    /// The circumstances of a message that was forwarded here.
    pub(crate) fn forwarded(
        session: &'a Session,
        route: &'a MountedRoute,
        id: u64,
        incoming: &'a Incoming,
    ) -> Self {
        Self {
            session,
            route,
            id,
            from: From::Server(incoming),
            extras: OnceLock::new(),
        }
    }

    /// Begins the span of a message of this server's own client, whose route was so long as the
    /// client sent it; 0 if no subscriber wants spans.
    #[inline]
    pub(crate) fn begin(&self, route_len: u16) {
        if route_len > 0 {
            self.begin_span(usize::from(route_len));
        }
    }

    #[cold]
    fn begin_span(&self, route_len: usize) {
        // The client may have left the server type out.
        let path = self.route();
        let sent = path.len().checked_sub(route_len);
        let sent = sent.and_then(|at| path.get(at..)).unwrap_or(path);
        let kind = match self.wants_answer() {
            true => MessageType::Request,
            false => MessageType::Notify,
        };
        let From::Client(received) = self.from else {
            return;
        };
        let metadata = || self.origin(received);
        if let Some(own) = Own::begin(self.session, sent, kind, metadata) {
            let _ = self.extras().own.set(own);
        }
    }

    fn origin(&self, received: Instant) -> Metadata {
        trace::origin(fastrand::u128(..), received).with_route(self.route())
    }

    fn extras(&self) -> &Extras {
        self.extras.get_or_init(Arc::default)
    }

    /// What the message is known by, if that has been made.
    #[inline]
    fn own(&self) -> Option<&Own> {
        self.extras.get()?.own.get()
    }

    /// The span of a message of this server's own client, if it has one.
    #[inline]
    pub(crate) fn span(&self) -> Option<&Span> {
        let span = &self.own()?.span;
        (!span.is_disabled()).then_some(span)
    }

    /// The client has left, and the call was dropped.
    pub(crate) fn client_left(&self) {
        if let Some(own) = self.own() {
            own.client_left();
        }
    }

    /// What came with the message from the client's own server, and goes along with calls made
    /// with this context: the request's id, when and with which route it arrived, its trace.
    pub fn metadata(&self) -> Cow<'_, Metadata> {
        Cow::Borrowed(match self.from {
            From::Server(incoming) => &incoming.metadata,
            From::Client(received) => {
                let quiet = || Own::quiet(self.origin(received));
                &self.extras().own.get_or_init(quiet).metadata
            }
        })
    }

    /// When the client's own server stops waiting; `None` on that server itself.
    pub fn deadline(&self) -> Option<Instant> {
        match self.from {
            From::Server(incoming) => Some(incoming.deadline),
            From::Client(_) => None,
        }
    }

    /// The session of the client that sent the message.
    pub fn session(&self) -> &'a Session {
        self.session
    }

    /// The app that serves the message.
    pub fn app(&self) -> &'a AppHandle {
        self.session.app()
    }

    /// The route, `serverType.service.method`.
    pub fn route(&self) -> &'a str {
        &self.route.path
    }

    /// What is known of the route at compile time.
    pub fn spec(&self) -> &'static RouteSpec {
        self.route.spec
    }

    /// Whether the client waits for an answer: not for a notify, nor for a request with id 0.
    pub fn wants_answer(&self) -> bool {
        self.id != 0
    }

    /// Waits until the client has left.
    pub async fn closed(&self) {
        self.session.closed().await;
    }

    /// Leaves a value for later hooks and the handler, one per type; answers the earlier one.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        self.extras().values.insert(value)
    }

    /// The value of this type that an earlier hook left.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.extras.get()?.values.get()
    }

    /// When the message came to this server.
    #[inline]
    pub(crate) fn received(&self) -> Instant {
        match self.from {
            From::Client(received) => received,
            From::Server(incoming) => incoming.came,
        }
    }

    pub(crate) fn mounted(&self) -> &'a MountedRoute {
        self.route
    }

    pub(crate) fn serializer(&self) -> &Serializer {
        self.app().serializer()
    }

    pub(crate) fn validates(&self) -> bool {
        self.app().validates()
    }

    /// A call of a task of its own has to wake the connection for its reply.
    #[inline]
    fn wake(&self) -> Wake {
        if self.route.overlaps {
            Wake::Yes
        } else {
            Wake::No
        }
    }

    pub(crate) fn reply<T: Body>(&self, value: &T) -> Result<(), Error> {
        if self.id == 0 {
            return Ok(());
        }
        self.session.reply(self.id, value, self.wake())
    }

    pub(crate) fn reply_any(&self, value: &dyn AnyMessage) -> Result<(), Error> {
        if self.id == 0 {
            return Ok(());
        }
        self.session.reply_any(self.id, value, self.wake())
    }

    pub(crate) fn reply_error(&self, error: &Error) {
        if self.id != 0 {
            self.session.reply_error(self.id, error, self.wake());
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("route", &self.route.path)
            .field("id", &self.id)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
