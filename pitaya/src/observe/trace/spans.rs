//! How the spans are made and marked.

use std::time::Duration;

use tokio::time::Instant;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use super::TARGET;
use crate::app::AppHandle;
use crate::cluster::{Metadata, ServerInfo, request_text, unix_nanos};
use crate::error::{Error, Result, codes};
use crate::protocol::message::{Message, MessageKind};
use crate::session::Session;

/// A client's message, as its own server knows it.
pub(crate) struct Own {
    pub(crate) span: Span,
    /// What goes along with calls made on its behalf.
    pub(crate) metadata: Metadata,
}

impl Own {
    /// Begins a message's span, if a subscriber wants it; only then is `metadata` asked.
    pub(crate) fn begin(
        session: &Session,
        route: &str,
        kind: MessageType,
        metadata: impl FnOnce() -> Metadata,
    ) -> Option<Self> {
        let span = message(session, route, kind);
        if span.is_disabled() {
            return None;
        }
        let metadata = metadata();
        span.record("request.id", metadata.request_id());
        let propagator = session.app().propagator();
        let carrier = propagator.receive(&span, &metadata.carrier());
        let metadata = metadata.with_trace(carrier);
        Some(Self { span, metadata })
    }

    /// A message that has no span.
    pub(crate) fn quiet(metadata: Metadata) -> Self {
        let span = Span::none();
        Self { span, metadata }
    }

    /// The client has left, and the message was dropped.
    pub(crate) fn client_left(&self) {
        failed(
            &self.span,
            &Error::new(codes::CLIENT_CLOSED, "the client has left"),
        );
    }
}

/// What clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageType {
    Request,
    Notify,
}

impl MessageType {
    pub(crate) fn of(message: &Message<'_>) -> Self {
        match message.kind {
            MessageKind::Notify => Self::Notify,
            _ => Self::Request,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notify => "notify",
        }
    }
}

/// Whether any subscriber may want spans: the quick question of the hot path.
#[inline]
pub(crate) fn is_wanted() -> bool {
    Level::INFO <= LevelFilter::current()
}

/// What goes along with calls made for a client's message of this request id that came at this time,
/// besides what every call has.
pub(crate) fn origin(request: u128, received: Instant) -> Metadata {
    Metadata::default()
        .with_request_id(request_text(request))
        .with_start_time(start_time(received.elapsed()))
}

/// The time of day so long ago.
pub(crate) fn start_time(age: Duration) -> u64 {
    let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    unix_nanos().saturating_sub(age)
}

/// What stands in here is looked at only when the span is wanted.
fn message(session: &Session, route: &str, kind: MessageType) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "message",
        "otel.name" = route,
        "otel.kind" = "server",
        "otel.status_code" = Empty,
        "otel.status_description" = Empty,
        "trace.id" = Empty,
        "span.id" = Empty,
        "parent.id" = Empty,
        "span.kind" = "server",
        "local.id" = session.app().server().id,
        "msg.type" = kind.name(),
        "user.id" = session.uid().as_deref(),
        "request.id" = Empty,
    )
}

/// Begins a call that came from another server with `metadata`, which from now on names this span.
pub(crate) fn call(app: &AppHandle, route: &str, metadata: Metadata) -> (Span, Metadata) {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "call",
        "otel.name" = route,
        "otel.kind" = "server",
        "otel.status_code" = Empty,
        "otel.status_description" = Empty,
        "trace.id" = Empty,
        "span.id" = Empty,
        "parent.id" = Empty,
        "span.kind" = "server",
        "local.id" = app.server().id,
        "peer.id" = metadata.peer_id(),
        "peer.service" = metadata.peer_service(),
        "request.id" = metadata.request_id(),
    );
    if span.is_disabled() {
        return (span, metadata);
    }
    let carrier = app.propagator().receive(&span, &metadata.carrier());
    (span, metadata.with_trace(carrier))
}

/// Begins a call to another server over this transport; `metadata` says on whose behalf, and from
/// now on names this span.
pub(crate) fn calling(
    app: &AppHandle,
    transport: &str,
    server: &ServerInfo,
    metadata: Metadata,
) -> (Span, Metadata) {
    let span = tracing::info_span!(
        target: TARGET,
        "calling",
        "otel.name" = format!("{transport} RPC Call"),
        "otel.kind" = "client",
        "otel.status_code" = Empty,
        "otel.status_description" = Empty,
        "trace.id" = Empty,
        "span.id" = Empty,
        "parent.id" = Empty,
        "span.kind" = "client",
        "local.id" = app.server().id,
        "peer.serverType" = server.kind,
        "peer.id" = server.id,
    );
    if span.is_disabled() {
        return (span, metadata);
    }
    let carrier = app.propagator().send(&span, &metadata.carrier());
    (span, metadata.with_trace(carrier))
}

/// Marks a span as failed.
pub(crate) fn failed(span: &Span, error: &Error) {
    if !span.is_disabled() {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", error.message());
    }
}

/// Marks a span as failed if it has.
pub(crate) fn outcome<T>(span: &Span, result: &Result<T>) {
    if let Err(error) = result {
        failed(span, error);
    }
}
