//! Spans: which messages and calls ran when, on which server, for whom.
//!
//! They are spans of the `tracing` crate with the target [`TARGET`] and the level `INFO`, so any
//! subscriber takes them and any filter picks them: `pitaya::trace=off` switches them off. Their
//! names are in the field `otel.name`, as `tracing-opentelemetry` reads it, because names of
//! `tracing` spans are fixed:
//!
//! | `otel.name` | where | fields |
//! |---|---|---|
//! | the route, as the client sent it; in full when it sent a code | a client's own server, for each message | `span.kind` = `server`, `local.id`, `msg.type`, `user.id`, `request.id` |
//! | `NATS RPC Call`, `Local RPC Call` | the caller, around each call | `span.kind` = `client`, `local.id`, `peer.serverType`, `peer.id` |
//! | the call's route | the callee | `span.kind` = `server`, `local.id`, `peer.id`, `peer.service`, `request.id` |
//!
//! Besides, each has `otel.kind`, and when it failed `otel.status_code` = `ERROR` and
//! `otel.status_description`, the error's text. Handlers, hooks, routers and remotes run inside their
//! span, so what the application logs there carries it. A client's message ends when its reply was
//! handed to the connection's output.
//!
//! A trace goes from server to server in the metadata key `otel-span`, as W3C Trace Context. Which
//! ids a span has is for the app's [`Propagator`] to say; [`OwnIds`] is the default. Where no
//! subscriber wants the spans, none is made, no trace is begun, and one that came with a message is
//! passed on as it came.

mod spans;
pub mod w3c;

use std::collections::HashMap;

use tracing::Span;

pub(crate) use spans::{
    MessageType, Own, call, calling, failed, is_wanted, origin, outcome, start_time,
};
pub use w3c::TraceContext;

/// The target of all spans.
pub const TARGET: &str = "pitaya::trace";

/// What goes along with a call: `traceparent`, and what else the propagator needs.
pub type Carrier = HashMap<String, String>;

/// Joins spans of different servers to traces.
///
/// Called only for spans that a subscriber wants. An implementation for OpenTelemetry makes what it
/// extracts from the carrier the parent of the span, and injects the span's own context.
pub trait Propagator: Send + Sync + 'static {
    /// `span` has begun for a call that came with this carrier, or, when the carrier is empty, for a
    /// client's message. What calls made on its behalf are given as their `within`.
    fn receive(&self, span: &Span, carrier: &Carrier) -> Carrier;

    /// `span` has begun for a call that is about to leave, on behalf of what answered `within`; empty
    /// for calls of nobody. What goes along with the call.
    fn send(&self, span: &Span, within: &Carrier) -> Carrier;
}

/// Gives each span an id of its own and each new trace another; keeps the sampled flag, `tracestate`
/// and `baggage` of those that came.
///
/// The spans say so in their fields `trace.id`, `span.id` and `parent.id`, in the digits of a
/// `traceparent`.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnIds;

impl Propagator for OwnIds {
    fn receive(&self, span: &Span, carrier: &Carrier) -> Carrier {
        next(span, carrier)
    }

    fn send(&self, span: &Span, within: &Carrier) -> Carrier {
        next(span, within)
    }
}

fn next(span: &Span, parent: &Carrier) -> Carrier {
    let mut carrier = Carrier::new();
    w3c::pass_baggage(parent, &mut carrier);
    let span_id = fastrand::u64(1..);
    let parent = TraceContext::extract(parent);
    let own = match &parent {
        Some(parent) => parent.child(span_id),
        None => TraceContext::new(fastrand::u128(1..), span_id, true),
    };
    let Some(own) = own else { return carrier };
    span.record("trace.id", format!("{:032x}", own.trace_id()));
    span.record("span.id", format!("{span_id:016x}"));
    if let Some(parent) = parent {
        span.record("parent.id", format!("{:016x}", parent.span_id()));
    }
    own.inject(&mut carrier);
    carrier
}
