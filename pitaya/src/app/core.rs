//! What one running app consists of, as connections see it.

mod admission;
mod calls;
mod dispatch;
mod handshake;
mod limits;

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Span;

pub(crate) use admission::Pending;
use dispatch::Dispatch;
pub(super) use handshake::Handshake;
pub(crate) use limits::Limits;

use super::AppHandle;
use super::pace::Pace;
use crate::cluster::wire::MsgType;
use crate::cluster::{self, Forward};
use crate::error::Error;
use crate::handler::table::Table;
use crate::observe::Limit;
use crate::observe::trace::{self, MessageType, Own};
use crate::protocol::compression::{InflateError, Inflater};
use crate::protocol::message::{Message, MessageKind, RouteRef};
use crate::scratch::{self, Scratch};
use crate::session::{Session, Wake};

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

    /// Whether this session has as many overlapping calls under way as it may.
    pub(crate) fn is_full(&self, session: &Session) -> bool {
        let most = &self.limits().overlapping;
        session.overlapping() as usize >= most.messages
            || session.overlapping_bytes() as usize >= most.bytes
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
}
