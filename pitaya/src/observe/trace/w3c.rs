//! W3C Trace Context and Baggage: which trace and which span a call belongs to, as text.
//!
//! Pure functions. Malformed input is ignored as the recommendations say: a bad `traceparent` is
//! none, and takes its `tracestate` with it; a bad `tracestate` is none; of a `baggage` what can be
//! read stays.

use std::collections::HashSet;

use super::Carrier;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// Members that a `tracestate` may have.
const MOST_STATES: usize = 32;

/// The largest `tracestate` that is passed on, in bytes; everybody has to take 512.
const LONGEST_STATE: usize = 8192;

/// Members and bytes of a `baggage` that are passed on.
const MOST_BAGGAGE: usize = 64;
const LONGEST_BAGGAGE: usize = 8192;

/// A span's place: the trace, the span itself, and what travels with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
    state: String,
}

impl TraceContext {
    /// The first span of a trace; `None` when an id is 0, which is no id.
    pub fn new(trace_id: u128, span_id: u64, sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then(|| Self {
            trace_id,
            span_id,
            sampled,
            state: String::new(),
        })
    }

    /// Another span of the same trace: flags and state are kept. `None` when the id is 0.
    pub fn child(&self, span_id: u64) -> Option<Self> {
        (span_id != 0).then(|| Self {
            span_id,
            ..self.clone()
        })
    }

    /// Reads what came with a call, if it is well-formed.
    pub fn extract(carrier: &Carrier) -> Option<Self> {
        let mut context = Self::parse(carrier.get(TRACEPARENT)?)?;
        let state = carrier.get(TRACESTATE).map(String::as_str);
        context.state = state.and_then(parse_state).unwrap_or_default();
        Some(context)
    }

    /// Writes what goes along with a call; an empty `tracestate` is left out.
    pub fn inject(&self, carrier: &mut Carrier) {
        carrier.insert(TRACEPARENT.to_owned(), self.traceparent());
        if !self.state.is_empty() {
            carrier.insert(TRACESTATE.to_owned(), self.state.clone());
        }
    }

    /// Reads a `traceparent`: `version-trace-span-flags` in lower-case hexadecimal digits. Versions
    /// of the future may be longer; what they begin with is read.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let span_id = u64::try_from(hex(span, 16)?).ok()?;
        Self::new(hex(trace, 32)?, span_id, hex(flags, 2)? & 1 == 1)
    }

    /// The `traceparent`, of version 00. Flags other than `sampled` are 0, which version 00 asks for;
    /// Go peers refuse a header with others.
    pub fn traceparent(&self) -> String {
        let flags = u8::from(self.sampled);
        format!(
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.span_id
        )
    }

    /// The trace's id, never 0.
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span's id, never 0.
    pub fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Whether whoever started the trace records it.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// What tracing systems say to each other, `key=value` with commas between.
    pub fn state(&self) -> &str {
        &self.state
    }
}

/// Exactly so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == digits && text.as_bytes().iter().all(lower);
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Reads a `tracestate`; `None` when a member is malformed or there are too many.
pub fn parse_state(text: &str) -> Option<String> {
    let mut keys = HashSet::new();
    let mut members = Vec::new();
    for member in text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
    {
        // Empty members are allowed and mean nothing.
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        if !is_state_key(key) || !is_state_value(value) || !keys.insert(key) {
            return None;
        }
        members.push(member);
    }
    let state = members.join(",");
    (members.len() <= MOST_STATES && state.len() <= LONGEST_STATE).then_some(state)
}

/// `key`, or `tenant@system`.
fn is_state_key(key: &str) -> bool {
    let part = |part: &str, longest: usize, first_digit: bool| {
        let first = part.bytes().next().is_some_and(|byte| {
            byte.is_ascii_lowercase() || (first_digit && byte.is_ascii_digit())
        });
        let rest = part.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte)
        });
        first && rest && part.len() <= longest
    };
    match key.split_once('@') {
        None => part(key, 256, false),
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
    }
}

/// Printable, without comma and equals sign; not ending in a space, which was cut off before.
fn is_state_value(value: &str) -> bool {
    let printable = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    !value.is_empty() && value.len() <= 256 && value.bytes().all(printable)
}

/// The baggage of a carrier, without the members that cannot be read and those beyond the limits.
pub fn baggage(carrier: &Carrier) -> Option<String> {
    let text = carrier.get(BAGGAGE)?;
    let mut baggage = String::new();
    let members = text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    for member in members
        .filter(|member| is_baggage(member))
        .take(MOST_BAGGAGE)
    {
        let comma = usize::from(!baggage.is_empty());
        if baggage.len() + comma + member.len() > LONGEST_BAGGAGE {
            break;
        }
        if comma == 1 {
            baggage.push(',');
        }
        baggage.push_str(member);
    }
    (!baggage.is_empty()).then_some(baggage)
}

/// Passes the baggage of one carrier on to another.
pub(super) fn pass_baggage(from: &Carrier, to: &mut Carrier) {
    if let Some(baggage) = baggage(from) {
        to.insert(BAGGAGE.to_owned(), baggage);
    }
}

/// `key=value`, and properties behind semicolons.
fn is_baggage(member: &str) -> bool {
    let mut parts = member.split(';').map(|part| part.trim_matches([' ', '\t']));
    let pair = parts.next().and_then(|part| part.split_once('='));
    let value = |value: &str| {
        let octet = |byte: u8| (0x21..=0x7e).contains(&byte) && !b"\",;\\".contains(&byte);
        value.trim_matches([' ', '\t']).bytes().all(octet)
    };
    pair.is_some_and(|(key, content)| is_token(key) && value(content))
        && parts.all(|property| match property.split_once('=') {
            Some((key, content)) => is_token(key) && value(content),
            None => is_token(property),
        })
}

/// A token as HTTP has it; blanks around it are allowed.
fn is_token(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t']);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn carrier<const N: usize>(entries: [(&str, &str); N]) -> Carrier {
        entries
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_parent_is_read_and_written_as_it_was() {
        for (flags, sampled, written) in [
            ("00", false, "00"),
            ("01", true, "01"),
            ("02", false, "00"),
            ("ff", true, "01"),
        ] {
            let text = format!("00-{TRACE}-{SPAN}-{flags}");
            let context = TraceContext::parse(&text).unwrap();
            assert_eq!(context.is_sampled(), sampled, "{flags}");
            assert_eq!(
                context.trace_id(),
                0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c
            );
            assert_eq!(context.span_id(), 0xb7ad_6b71_6920_3331);
            assert_eq!(
                context.traceparent(),
                format!("00-{TRACE}-{SPAN}-{written}")
            );
        }
        // Of a later version what is known is read.
        for text in [
            format!("01-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"),
        ] {
            let context = TraceContext::parse(&text).unwrap();
            assert_eq!(context.traceparent(), format!("00-{TRACE}-{SPAN}-01"));
        }
    }

    #[test]
    fn a_malformed_parent_is_none() {
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
        ] {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_state_is_kept_whole_or_not_at_all() {
        let many = |n: usize| {
            (0..n)
                .map(|n| format!("k{n}=v"))
                .collect::<Vec<_>>()
                .join(",")
        };
        for (text, state) in [
            ("", Some("")),
            ("rojo=00f067aa0ba902b7", Some("rojo=00f067aa0ba902b7")),
            ("a=1, ,\tb=2 ,", Some("a=1,b=2")),
            ("1tenant@sys=x", Some("1tenant@sys=x")),
            ("a=1,a=2", None),
            ("A=1", None),
            ("1=1", None),
            ("a", None),
            ("a=", None),
            ("a=b=c", None),
            ("a@1=1", None),
            ("a=\u{e9}", None),
        ] {
            assert_eq!(parse_state(text).as_deref(), state, "{text}");
        }
        assert!(parse_state(&many(32)).is_some());
        assert_eq!(parse_state(&many(33)), None);
    }

    #[test]
    fn a_bad_state_does_not_touch_its_parent_and_a_bad_parent_takes_its_state_along() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let read = |parent: &str, state| {
            TraceContext::extract(&carrier([("traceparent", parent), ("tracestate", state)]))
        };
        assert_eq!(read(&parent, "a=1").unwrap().state(), "a=1");
        assert_eq!(read(&parent, "=").unwrap().state(), "");
        assert_eq!(read("nonsense", "a=1"), None);
        assert_eq!(
            TraceContext::extract(&carrier([("tracestate", "a=1")])),
            None
        );
        // A child keeps everything but its own id.
        let child = read(&parent, "a=1").unwrap().child(1).unwrap();
        let mut out = Carrier::new();
        child.inject(&mut out);
        let expected = format!("00-{TRACE}-0000000000000001-01");
        assert_eq!(
            out,
            carrier([("traceparent", &expected), ("tracestate", "a=1")])
        );
    }

    #[test]
    fn baggage_that_can_be_read_is_passed_on() {
        let long = format!("k={}", "v".repeat(5000));
        let two = format!("{long},{long}");
        for (text, kept) in [
            ("a=1", Some("a=1")),
            ("a=1, b = 2 ;p;q=3,c=", Some("a=1,b = 2 ;p;q=3,c=")),
            ("a=1,nonsense,=2,b=\"x\",c=3", Some("a=1,c=3")),
            ("a b=1", None),
            ("", None),
            (",,", None),
            (&two, Some(&long)),
        ] {
            assert_eq!(
                baggage(&carrier([("baggage", text)])).as_deref(),
                kept,
                "{text}"
            );
        }
        assert_eq!(baggage(&Carrier::new()), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_so_that_it_reads_the_same(
            parent in "([0-9a-f]{2}|00)-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?",
            state in "([a-z]{1,2}=[ -~]{0,3},?){0,5}",
            noise in ".*",
        ) {
            for parent in [&parent, &noise] {
                let sent = carrier([("traceparent", parent), ("tracestate", &state), ("baggage", &noise)]);
                let Some(context) = TraceContext::extract(&sent) else { continue };
                let mut out = Carrier::new();
                context.inject(&mut out);
                prop_assert_eq!(TraceContext::extract(&out), Some(context));
                pass_baggage(&sent, &mut out);
                let passed = baggage(&out);
                prop_assert_eq!(passed, baggage(&sent));
            }
        }
    }
}
