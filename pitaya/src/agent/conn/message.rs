//! What one message of a client asks for.

use std::sync::Arc;

use crate::app::Core;
use crate::error::{Error, codes};
use crate::handler::table::{Elsewhere, MountedRoute};
use crate::observe::{Limit, trace};
use crate::protocol::message::{self, Message, MessageError, MessageKind, RouteRef};
use crate::session::Session;

/// A call of a route of this server.
pub(crate) struct Call<'a> {
    pub(crate) route: &'a MountedRoute,
    /// The request's id; 0 when no answer is wanted.
    pub(crate) id: u64,
    pub(crate) compressed: bool,
    /// How long the route was as the client sent it; 0 if no subscriber wants spans.
    pub(crate) route_len: u16,
    /// How long the body is, with which the message ended.
    pub(crate) body_len: usize,
}

pub(super) enum Wanted<'a> {
    Call(Call<'a>),
    /// It was answered, sent on or ignored.
    Nothing,
    /// It ends the connection.
    Close,
}

/// Errors that have an answer are answered here.
#[inline]
pub(super) fn read<'a>(core: &'a Arc<Core>, session: &Session, bytes: &[u8]) -> Wanted<'a> {
    let message = match message::decode(bytes) {
        Ok(message) => message,
        Err(error) => return no_message(session, error),
    };
    let wants_answer = match message.kind {
        MessageKind::Request => true,
        MessageKind::Notify => false,
        MessageKind::Response | MessageKind::Push => return not_from_clients(core, &message),
    };
    let id = if wants_answer { message.id } else { 0 };
    let route = match core.table().resolve(message.route, wants_answer) {
        Ok(route) => route,
        Err(elsewhere) => return send_elsewhere(core, session, id, &message, elsewhere),
    };
    if let RouteRef::Code(_) = message.route {
        session.set_takes_codes();
    }
    Wanted::Call(Call {
        route,
        id,
        compressed: message.compressed,
        route_len: if trace::is_wanted() {
            route_len(core, message.route)
        } else {
            0
        },
        body_len: message.body.len(),
    })
}

#[cold]
fn no_message(session: &Session, error: MessageError) -> Wanted<'static> {
    tracing::debug!(session = session.id(), %error, "closing");
    Wanted::Close
}

#[cold]
fn not_from_clients(core: &Core, message: &Message<'_>) -> Wanted<'static> {
    core.app().metrics().ignored_messages.increment(1);
    unread(core, message)
}

#[cold]
fn route_len(core: &Core, route: RouteRef<'_>) -> u16 {
    u16::try_from(core.table().text(route).len()).unwrap_or_default()
}

/// A message for no route of this server.
#[cold]
fn send_elsewhere(
    core: &Arc<Core>,
    session: &Session,
    id: u64,
    message: &Message<'_>,
    elsewhere: Elsewhere,
) -> Wanted<'static> {
    let error = match elsewhere {
        Elsewhere::UnknownCode => {
            tracing::debug!(session = session.id(), "route info not found in dictionary");
            return Wanted::Close;
        }
        // Such routes are looked at up to a limit only.
        Elsewhere::Error(_) | Elsewhere::Forward { .. } if core.is_too_long(message.route) => {
            core.app().metrics().limit_reached(Limit::Route);
            Error::new(codes::BAD_REQUEST, "the route is too long")
        }
        Elsewhere::Forward { route } => {
            return match core.forward(session, id, route, message) {
                Ok(()) => Wanted::Nothing,
                Err(()) => Wanted::Close,
            };
        }
        Elsewhere::Error(error) => error,
    };
    let wanted = unread(core, message);
    if let Wanted::Nothing = wanted {
        core.refuse(session, id, message, &error);
    }
    wanted
}

/// A body that does not inflate ends the connection, also when nobody reads it (the client protocol,
/// 2.3).
#[cold]
fn unread(core: &Core, message: &Message<'_>) -> Wanted<'static> {
    if message.compressed && !core.inflates(message.body) {
        Wanted::Close
    } else {
        Wanted::Nothing
    }
}
