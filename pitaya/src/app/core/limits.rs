//! The configured limits in the form the hot path wants.

use std::time::Duration;

use crate::app::config::{Config, InFlight, Overflow};
use crate::session::Most;
use crate::session::backlog::Backlog;
use crate::session::outbound::Bounds;

/// The configured limits in the form the hot path wants.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) heartbeat: Duration,
    pub(crate) handshake: Duration,
    pub(crate) write: Duration,
    pub(crate) grace: Duration,
    /// Body sizes, without header.
    pub(crate) packet: usize,
    pub(crate) handshake_packet: usize,
    pub(crate) inflated: usize,
    pub(crate) read_ahead: usize,
    pub(crate) outbound: Bounds,
    pub(crate) close_on_overflow: bool,
    pub(crate) most: Most,
    pub(crate) pending: usize,
    /// Overlapping calls of one session; further ones wait in its input.
    pub(crate) overlapping: InFlight,
    /// From the handshake to the first bind.
    pub(crate) bind: Option<Duration>,
    /// Heartbeats without a message; 0 = any number.
    pub(crate) idle_beats: u32,
    /// The longest route that is looked at although it is none of this server's.
    pub(crate) route: usize,
    /// What one session may have on its way to servers of one type.
    pub(crate) forward: InFlight,
}

impl Limits {
    pub(in crate::app) fn of(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            heartbeat: config.heartbeat.interval,
            handshake: limits.handshake.timeout,
            write: config.buffer.write_timeout,
            grace: config.handler.grace,
            packet: limits.packet,
            handshake_packet: limits.handshake.packet,
            inflated: limits.inflated,
            read_ahead: limits.read_ahead,
            outbound: Bounds {
                messages: config.buffer.messages,
                bytes: config.buffer.bytes,
                keys: config.buffer.keys,
                backlog: Backlog::new(limits.queued),
            },
            close_on_overflow: config.buffer.overflow == Overflow::Close,
            most: Most {
                sessions: limits.connections,
                of_address: limits.address_connections,
            },
            pending: limits.handshake.connections,
            overlapping: limits.concurrent.clone(),
            bind: Some(limits.bind_timeout).filter(|within| !within.is_zero()),
            idle_beats: beats(limits.idle_timeout, config.heartbeat.interval),
            route: limits.route,
            forward: limits.forward.clone(),
        }
    }
}

/// How many intervals make up a time, rounded up.
fn beats(time: Duration, interval: Duration) -> u32 {
    let beats = time.as_nanos().div_ceil(interval.as_nanos().max(1));
    u32::try_from(beats).unwrap_or(u32::MAX)
}
