//! Counters that can be read back, because recorders only take.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;

/// A counter and what it has counted. For what happens rarely.
pub(crate) struct Tally {
    counter: Counter,
    count: AtomicU64,
}

impl Tally {
    pub(super) fn new(counter: Counter) -> Self {
        Self {
            counter,
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn increment(&self, by: u64) {
        self.counter.increment(by);
        self.count.fetch_add(by, Ordering::Relaxed);
    }
}

/// What was counted of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tallied {
    pub(crate) what: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) count: u64,
}

impl Tallied {
    pub(super) fn new(what: &'static str, cause: &'static str, tally: &Tally) -> Option<Self> {
        let count = tally.count.load(Ordering::Relaxed);
        (count > 0).then_some(Self { what, cause, count })
    }
}

/// A limit whose consequence alone does not tell which one it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Packet,
    HandshakePacket,
    Inflated,
    Route,
    ReadAhead,
    Concurrent,
    Forwarded,
    /// Keys of messages that replace each other.
    Keys,
}

impl Limit {
    pub(super) const ALL: [Self; 8] = [
        Self::Packet,
        Self::HandshakePacket,
        Self::Inflated,
        Self::Route,
        Self::ReadAhead,
        Self::Concurrent,
        Self::Forwarded,
        Self::Keys,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::HandshakePacket => "handshake_packet",
            Self::Inflated => "inflated",
            Self::Route => "route",
            Self::ReadAhead => "read_ahead",
            Self::Concurrent => "concurrent",
            Self::Forwarded => "forward",
            Self::Keys => "push_keys",
        }
    }
}

/// Why a certificate that was to follow another one cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRenewed {
    Unreadable,
    Malformed,
    Empty,
    /// The key belongs to another one.
    Mismatch,
    Expired,
    NotYetValid,
    /// For another reason.
    Unusable,
}

impl NotRenewed {
    pub(super) const ALL: [Self; 7] = [
        Self::Unreadable,
        Self::Malformed,
        Self::Empty,
        Self::Mismatch,
        Self::Expired,
        Self::NotYetValid,
        Self::Unusable,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::Mismatch => "mismatch",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Unusable => "unusable",
        }
    }
}
