//! What travels with a call besides its argument: identity, time, trace, and the application's own.
//!
//! A value, not a shared map: every call has its own copy, so parallel calls cannot disturb each
//! other.

mod sender;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

pub(crate) use self::sender::Sender;
use super::ServerInfo;
use crate::json::{self, Plain};
use crate::observe::trace::Carrier;

/// The values that travel with a call, as one JSON object on the wire. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metadata(Arc<Kept>);

/// Most of what comes with a call is never asked for: it stays as it came until somebody does.
#[derive(Default)]
struct Kept {
    came: Option<Came>,
    /// Once `came` was read, and of what did not come from elsewhere.
    entries: OnceLock<Entries>,
}

/// What came with a call: an object that [`json::flat`] takes, and what every callee asks for.
#[derive(Clone)]
struct Came {
    bytes: Box<[u8]>,
    timeout: Option<Duration>,
    has_request_id: bool,
}

/// Keys and values, sorted by key as on the wire: a handful, which a list holds in one piece.
#[derive(Debug, Default, PartialEq)]
struct Entries(Vec<(Key, Value)>);

impl Clone for Entries {
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(self.0.len() + KNOWN.len());
        entries.extend_from_slice(&self.0);
        Self(entries)
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().fmt(f)
    }
}

/// Those that every call has are not copied.
type Key = Cow<'static, str>;

const PEER_ID: &str = "peer.id";
const PEER_SERVICE: &str = "peer.service";
const TIMEOUT: &str = "reqTimeout";
const REQUEST_ID: &str = "request.id";
const START: &str = "req-start-time";
const ROUTE: &str = "req-route";
const SPAN: &str = "otel-span";

const KNOWN: [&str; 7] = [
    PEER_ID,
    PEER_SERVICE,
    ROUTE,
    START,
    TIMEOUT,
    REQUEST_ID,
    SPAN,
];

impl From<Entries> for Metadata {
    fn from(entries: Entries) -> Self {
        Self(Arc::new(Kept {
            came: None,
            entries: entries.into(),
        }))
    }
}

/// A copy is made to be added to.
impl Clone for Kept {
    fn clone(&self) -> Self {
        Self {
            came: None,
            entries: self.entries().clone().into(),
        }
    }
}

impl Kept {
    fn entries(&self) -> &Entries {
        self.entries.get_or_init(|| {
            let came = self.came.as_ref();
            came.and_then(|came| Entries::read(&came.bytes))
                .unwrap_or_default()
        })
    }
}

impl Entries {
    /// Reads what [`json::flat`] takes.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut entries = Self::default();
        json::flat(bytes, |key, value| {
            entries.insert(known_key(key), value.into())
        })?;
        Some(entries)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    fn insert(&mut self, key: Key, value: Value) {
        match self.place(&key) {
            Ok(at) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => {
                if self.0.capacity() == 0 {
                    self.0.reserve(KNOWN.len());
                }
                self.0.insert(at, (key, value));
            }
        }
    }

    fn remove(&mut self, key: &str) {
        if let Ok(at) = self.place(key) {
            self.0.remove(at);
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

impl Metadata {
    /// Reads what came with a call. Anything but an object is an error; absence is emptiness.
    ///
    /// # Errors
    /// With a text for the caller.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        if let Some(entries) = Entries::read(bytes) {
            return Ok(entries.into());
        }
        let map: Map<String, Value> = serde_json::from_slice(bytes)?;
        let mut entries = Entries::default();
        for (key, value) in map {
            entries.insert(Cow::Owned(key), value);
        }
        Ok(entries.into())
    }

    /// The same for what is kept as it came, if it can be, until somebody asks. Copied, because it is a
    /// part of a buffer that is far larger.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn keep(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let (mut timeout, mut has_request_id) = (None, false);
        let read = json::flat(bytes, |key, value| match (key, value) {
            (TIMEOUT, Plain::Text(text)) => timeout = read_timeout(text),
            (TIMEOUT, Plain::Number(_)) => timeout = None,
            (REQUEST_ID, value) => {
                has_request_id = !matches!(value, Plain::Text("") | Plain::Number(_))
            }
            _ => {}
        });
        if read.is_none() {
            return Self::parse(bytes);
        }
        let came = Some(Came {
            bytes: bytes.into(),
            timeout,
            has_request_id,
        });
        Ok(Self(Arc::new(Kept {
            came,
            entries: OnceLock::new(),
        })))
    }

    fn entries(&self) -> &Entries {
        self.0.entries()
    }

    fn change(&mut self, change: impl FnOnce(&mut Entries)) {
        let kept = Arc::make_mut(&mut self.0);
        kept.entries();
        // What came is not what is meant any more.
        kept.came = None;
        if let Some(entries) = kept.entries.get_mut() {
            change(entries);
        }
    }

    /// The JSON object; never empty, never null.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(256);
        out.push(b'{');
        for (index, (key, value)) in self.entries().0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::write_text(key, &mut out);
            out.push(b':');
            match value {
                Value::String(text) => json::write_text(text, &mut out),
                value => {
                    // A value can always be written; if not, the rest still can.
                    if json::write(value, &mut out).is_err() {
                        out.extend_from_slice(b"null");
                    }
                }
            }
        }
        out.push(b'}');
        out.into()
    }

    /// A value that the application sent along.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries().get(key)
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with_known(Cow::Owned(key.into()), value.into())
    }

    fn with_known(mut self, key: Key, value: Value) -> Self {
        self.change(|entries| entries.insert(key, value));
        self
    }

    /// These values above `others`.
    pub(crate) fn over<'a>(&self, others: Cow<'a, Self>) -> Cow<'a, Self> {
        if self.entries().0.is_empty() {
            return others;
        }
        let all = others.into_owned();
        let own = self.entries().0.iter().cloned();
        Cow::Owned(own.fold(all, |all, (key, value)| all.with_known(key, value)))
    }

    /// For the next hop: this server as the sender, this route, this much time. A trace context is
    /// passed on as far as it has a shape that peers can read.
    #[must_use]
    pub fn for_call(mut self, own: &ServerInfo, route: &str, timeout: Duration) -> Self {
        if self.has_odd_trace() {
            let carrier = self.carrier();
            self = self.with_trace(carrier);
        }
        self.with_known(Cow::Borrowed(PEER_ID), own.id.as_str().into())
            .with_known(Cow::Borrowed(PEER_SERVICE), own.kind.as_str().into())
            .with_route(route)
            .with_known(Cow::Borrowed(TIMEOUT), go_duration(timeout).into())
    }

    /// Go servers cannot take a trace context that is no object.
    fn has_odd_trace(&self) -> bool {
        let odd = |span: &Value| match span {
            Value::Object(span) => !span.values().all(Value::is_string),
            _ => true,
        };
        self.entries().get(SPAN).is_some_and(odd)
    }

    /// How long the caller waits, if it said so in a form that can be read.
    pub fn timeout(&self) -> Option<Duration> {
        match &self.0.came {
            Some(came) => came.timeout,
            None => read_timeout(self.entries().get(TIMEOUT)?.as_str()?),
        }
    }

    /// Whether there is a [`Metadata::request_id`].
    pub(crate) fn has_request_id(&self) -> bool {
        match &self.0.came {
            Some(came) => came.has_request_id,
            None => self.request_id().is_some(),
        }
    }

    /// The id under which logs of all servers tell of the same request.
    pub fn request_id(&self) -> Option<&str> {
        self.entries()
            .get(REQUEST_ID)?
            .as_str()
            .filter(|id| !id.is_empty())
    }

    /// Sets the request's id.
    #[must_use]
    pub fn with_request_id(self, id: impl Into<String>) -> Self {
        self.with_known(Cow::Borrowed(REQUEST_ID), Value::String(id.into()))
    }

    /// When the client's message arrived, in nanoseconds since 1970; Go hops make it a float.
    pub fn start_time(&self) -> Option<u64> {
        let start = self.entries().get(START)?;
        start
            .as_u64()
            .or_else(|| start.as_f64().map(|nanos| nanos as u64))
    }

    /// Sets when the client's message arrived.
    #[must_use]
    pub fn with_start_time(self, nanos: u64) -> Self {
        self.with_known(Cow::Borrowed(START), nanos.into())
    }

    /// The caller's id, as it says.
    pub fn peer_id(&self) -> Option<&str> {
        self.entries().get(PEER_ID)?.as_str()
    }

    /// The caller's server type, as it says.
    pub fn peer_service(&self) -> Option<&str> {
        self.entries().get(PEER_SERVICE)?.as_str()
    }

    /// The route of the call; on the client's own server that of its message.
    pub fn route(&self) -> Option<&str> {
        self.entries().get(ROUTE)?.as_str()
    }

    /// Sets the route.
    #[must_use]
    pub fn with_route(self, route: &str) -> Self {
        self.with_known(Cow::Borrowed(ROUTE), route.into())
    }

    /// The trace context: text values only, others are passed over.
    pub fn trace(&self) -> impl Iterator<Item = (&str, &str)> {
        let span = self.entries().get(SPAN).and_then(Value::as_object);
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
            self.change(|entries| entries.remove(SPAN));
            return self;
        }
        let span: Map<String, Value> = carrier
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        self.with_known(Cow::Borrowed(SPAN), span.into())
    }
}

/// A key as it is read: without a copy if every call has it.
fn known_key(key: &str) -> Key {
    match KNOWN.into_iter().find(|known| *known == key) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(key.to_owned()),
    }
}

/// How long a caller waits, in its own words.
fn read_timeout(text: &str) -> Option<Duration> {
    // What most callers say.
    if let Some(Ok(seconds)) = text.strip_suffix('s').map(str::parse::<u32>) {
        return Some(Duration::from_secs(seconds.into()));
    }
    crate::app::config::parse_duration(text)
}

/// Go's text form of a duration: `5s`, `300ms`, `1m30s`, `1.5s`.
pub(crate) fn go_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
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
    let mut seconds = decimal(nanos % (60 * unit), unit);
    match (minutes / 60, minutes % 60) {
        (0, 0) => {
            seconds.push('s');
            seconds
        }
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` in decimal, without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
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

    #[test]
    fn metadata_is_an_object_with_sorted_keys() {
        let own = ServerInfo {
            id: "f\"1".to_owned(),
            kind: "gate".to_owned(),
            frontend: true,
            metadata: Default::default(),
            hostname: String::new(),
        };
        let metadata = Metadata::default()
            .with("level", vec![1, 2])
            .with("a\n", "x")
            .with_request_id("r1")
            .with_start_time(17)
            .for_call(&own, "room.room.join", Duration::from_millis(1500));
        let text = concat!(
            r#"{"a\n":"x","level":[1,2],"peer.id":"f\"1","peer.service":"gate","req-route":"room.room.join","#,
            r#""req-start-time":17,"reqTimeout":"1.5s","request.id":"r1"}"#
        );
        assert_eq!(metadata.to_bytes(), text);
        assert_eq!(Metadata::parse(text.as_bytes()).unwrap(), metadata);
        assert_eq!(Metadata::default().to_bytes(), "{}");
        // In any order, and of a key that comes twice the last one counts.
        let mixed = Metadata::parse(br#"{"b":1,"request.id":"r0","a":2,"b":3,"request.id":"r1"}"#);
        let sorted = r#"{"a":2,"b":3,"request.id":"r1"}"#;
        assert_eq!(mixed.unwrap().to_bytes(), sorted);
        let changed = metadata.clone().with_request_id("r2");
        assert_eq!(metadata.request_id(), Some("r1"));
        assert_eq!(changed.request_id(), Some("r2"));
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

    #[test]
    fn what_is_kept_as_it_came_is_what_is_read() {
        for text in [
            "",
            "{}",
            "null",
            "nonsense",
            r#"{"request.id":"r1","reqTimeout":"5s","a":1,"peer.id":"p"}"#,
            r#"{"reqTimeout":"1m30s","request.id":""}"#,
            r#"{"request.id":"r1","request.id":7,"reqTimeout":"5s","reqTimeout":6}"#,
            r#"{"request.id":7,"request.id":"r1","reqTimeout":6,"reqTimeout":"1.5s"}"#,
            r#"{"reqTimeout":"soon","otel-span":{"traceparent":"a"}}"#,
        ] {
            let read = Metadata::parse(text.as_bytes());
            let kept = Metadata::keep(text.as_bytes());
            assert_eq!(kept.is_ok(), read.is_ok(), "{text}");
            let (Ok(read), Ok(kept)) = (read, kept) else {
                continue;
            };
            assert_eq!(kept.timeout(), read.timeout(), "{text}");
            assert_eq!(kept.has_request_id(), read.has_request_id(), "{text}");
            let changed = kept.clone().with_request_id("r9");
            assert_eq!(changed, read.clone().with_request_id("r9"), "{text}");
            assert!(changed.has_request_id());
            let sent = kept
                .clone()
                .for_call(&peer(), "a.b", Duration::from_secs(9));
            assert_eq!(sent.timeout(), Some(Duration::from_secs(9)), "{text}");
            assert_eq!(kept, read, "{text}");
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
                let sent = metadata
                    .clone()
                    .for_call(&peer(), "a.b", Duration::from_secs(5));
                assert!(!sent.has_odd_trace(), "{text}");
                assert_eq!(sent.carrier(), metadata.carrier());
            }
        }
    }
}
