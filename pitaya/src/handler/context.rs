//! What a handler is given besides its argument.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::RouteSpec;
use super::table::MountedRoute;
use super::values::Values;
use crate::app::AppHandle;
use crate::cluster::Metadata;
use crate::error::Error;
use crate::message::{AnyMessage, Body, Serializer};
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
    wake: Wake,
    /// What came with a message that was forwarded here.
    incoming: Option<Incoming<'a>>,
    /// What hooks leave for each other and for the handler.
    values: Values,
}

struct Incoming<'a> {
    metadata: &'a Metadata,
    deadline: Option<Instant>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(session: &'a Session, route: &'a MountedRoute, id: u64, wake: Wake) -> Self {
        Self {
            session,
            route,
            id,
            wake,
            incoming: None,
            values: Values::default(),
        }
    }

    /// The circumstances of a message that was forwarded here.
    pub(crate) fn forwarded(
        session: &'a Session,
        route: &'a MountedRoute,
        id: u64,
        metadata: &'a Metadata,
        deadline: Option<Instant>,
    ) -> Self {
        let incoming = Some(Incoming { metadata, deadline });
        Self {
            incoming,
            ..Self::new(session, route, id, Wake::No)
        }
    }

    /// What came with the message from the client's own server, and goes along with calls made
    /// with this context.
    pub fn metadata(&self) -> Cow<'_, Metadata> {
        match &self.incoming {
            Some(incoming) => Cow::Borrowed(incoming.metadata),
            None => Cow::Owned(Metadata::default()),
        }
    }

    /// When the client's own server stops waiting; `None` on that server itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.incoming
            .as_ref()
            .and_then(|incoming| incoming.deadline)
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
        self.values.insert(value)
    }

    /// The value of this type that an earlier hook left.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.values.get()
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

    pub(crate) fn reply<T: Body>(&self, value: &T) -> Result<(), Error> {
        if self.id == 0 {
            return Ok(());
        }
        self.session.reply(self.id, value, self.wake)
    }

    pub(crate) fn reply_any(&self, value: &dyn AnyMessage) -> Result<(), Error> {
        if self.id == 0 {
            return Ok(());
        }
        self.session.reply_any(self.id, value, self.wake)
    }

    pub(crate) fn reply_error(&self, error: &Error) {
        if self.id != 0 {
            self.session.reply_error(self.id, error, self.wake);
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
