//! What travels with a call besides its argument: identity, time, trace, and the application's own.
//!
//! A value, not a shared map: every call has its own copy, so parallel calls cannot disturb each
//! other.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::ServerInfo;
use crate::observe::trace::Carrier;

/// The values that travel with a call, as one JSON object on the wire.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

const PEER_ID: &str = "peer.id";
const PEER_SERVICE: &str = "peer.service";
const TIMEOUT: &str = "reqTimeout";
const REQUEST_ID: &str = "request.id";
const START: &str = "req-start-time";
const ROUTE: &str = "req-route";
const SPAN: &str = "otel-span";

impl Metadata {
    /// Reads what came with a call. Anything but an object is an error; absence is emptiness.
    ///
    /// # Errors
    /// With a text for the caller.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map(Self)
    }

    /// The JSON object; never empty, never null.
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(&self.0)
            .unwrap_or_else(|_| b"{}".to_vec())
            .into()
    }

    /// A value that the application sent along.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// These values above `others`.
    pub(crate) fn over<'a>(&self, others: Cow<'a, Self>) -> Cow<'a, Self> {
        if self.0.is_empty() {
            return others;
        }
        let mut all = others.into_owned();
        all.0.extend(self.0.clone());
        Cow::Owned(all)
    }

    /// For the next hop: this server as the sender, this route, this much time. A trace context is
    /// passed on as far as it has a shape that peers can read.
    #[must_use]
    pub fn for_call(&self, own: &ServerInfo, route: &str, timeout: Duration) -> Self {
        let mut next = self.clone();
        if next.has_odd_trace() {
            let carrier = next.carrier();
            next = next.with_trace(carrier);
        }
        next.with(PEER_ID, own.id.as_str())
            .with(PEER_SERVICE, own.kind.as_str())
            .with_route(route)
            .with(TIMEOUT, go_duration(timeout))
    }

    /// Go servers cannot take a trace context that is no object.
    fn has_odd_trace(&self) -> bool {
        let odd = |span: &Value| match span {
            Value::Object(span) => !span.values().all(Value::is_string),
            _ => true,
        };
        self.0.get(SPAN).is_some_and(odd)
    }

    /// How long the caller waits, if it said so in a form that can be read.
    pub fn timeout(&self) -> Option<Duration> {
        crate::app::config::parse_duration(self.0.get(TIMEOUT)?.as_str()?)
    }

    /// The id under which logs of all servers tell of the same request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.get(REQUEST_ID)?.as_str().filter(|id| !id.is_empty())
    }

    /// Sets the request's id.
    #[must_use]
    pub fn with_request_id(self, id: impl Into<String>) -> Self {
        self.with(REQUEST_ID, id.into())
    }

    /// When the client's message arrived, in nanoseconds since 1970; Go hops make it a float.
    pub fn start_time(&self) -> Option<u64> {
        let start = self.0.get(START)?;
        start
            .as_u64()
            .or_else(|| start.as_f64().map(|nanos| nanos as u64))
    }

    /// Sets when the client's message arrived.
    #[must_use]
    pub fn with_start_time(self, nanos: u64) -> Self {
        self.with(START, nanos)
    }

    /// The caller's id, as it says.
    pub fn peer_id(&self) -> Option<&str> {
        self.0.get(PEER_ID)?.as_str()
    }

    /// The caller's server type, as it says.
    pub fn peer_service(&self) -> Option<&str> {
        self.0.get(PEER_SERVICE)?.as_str()
    }

    /// The route of the call; on the client's own server that of its message.
    pub fn route(&self) -> Option<&str> {
        self.0.get(ROUTE)?.as_str()
    }

    /// Sets the route.
    #[must_use]
    pub fn with_route(self, route: &str) -> Self {
        self.with(ROUTE, route)
    }

    /// The trace context: text values only, others are passed over.
    pub fn trace(&self) -> impl Iterator<Item = (&str, &str)> {
        let span = self.0.get(SPAN).and_then(Value::as_object);
        span.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// The same as a carrier, for a [`Propagator`](crate::trace::Propagator).
    pub fn carrier(&self) -> Carrier {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        self.trace().map(own).collect()
    }

    /// Sets the trace context; an empty one is none.
    #[must_use]
    pub fn with_trace(mut self, carrier: Carrier) -> Self {
        if carrier.is_empty() {
            self.0.remove(SPAN);
            return self;
        }
        let span: Map<String, Value> = carrier
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        self.with(SPAN, span)
    }
}

/// Go's text form of a duration: `5s`, `300ms`, `1m30s`, `1.5s`.
pub(crate) fn go_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    // Below a second Go picks the unit that leaves a digit in front of the point.
    let (unit, name) = match nanos {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    if unit < 1_000_000_000 {
        return format!("{}{name}", decimal(nanos, unit));
    }
    let minutes = nanos / (60 * unit);
    let seconds = decimal(nanos % (60 * unit), unit);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` in decimal, without trailing zeros.
fn decimal(value: u128, unit: u128) -> String {
    let (whole, mut rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let mut digits = unit.ilog10() as usize;
    while rest % 10 == 0 {
        rest /= 10;
        digits -= 1;
    }
    format!("{whole}.{rest:0digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_gos_text() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (300_000_000, "300ms"),
            (1_500_000_000, "1.5s"),
            (5_000_000_000, "5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_661_001_000_000, "1h1m1.001s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
    }

    fn peer() -> ServerInfo {
        ServerInfo {
            id: "a".to_owned(),
            kind: "b".to_owned(),
            frontend: false,
            metadata: Default::default(),
            hostname: String::new(),
        }
    }

    /// The matrix of the cluster protocol, chapter 4: never a crash.
    #[test]
    fn odd_metadata_is_survived() {
        for (text, readable) in [
            ("", true),
            ("{}", true),
            ("null", false),
            ("[]", false),
            ("nonsense", false),
            (
                r#"{"reqTimeout":5,"otel-span":[1],"req-start-time":1.7e18,"request.id":7}"#,
                true,
            ),
            (r#"{"otel-span":{"traceparent":1,"baggage":"a=b"}}"#, true),
        ] {
            let parsed = Metadata::parse(text.as_bytes());
            assert_eq!(parsed.is_ok(), readable, "{text}");
            if let Ok(metadata) = parsed {
                assert_eq!(metadata.timeout(), None);
                assert_eq!(metadata.request_id(), None);
                let _ = metadata.start_time();
                assert!(metadata.trace().count() <= 1);
                // Nor is anything odd passed on.
                let sent = metadata.for_call(&peer(), "a.b", Duration::from_secs(5));
                assert!(!sent.has_odd_trace(), "{text}");
                assert_eq!(sent.carrier(), metadata.carrier());
            }
        }
    }
}
