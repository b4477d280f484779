//! When to send a heartbeat and when to call the server dead, as a value: instants in, decisions
//! out. It must never read the time itself.

use std::time::Duration;

use tokio::time::Instant;

/// What the clock says at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tick {
    /// Nothing is due.
    Nothing,
    /// A heartbeat is due.
    Heartbeat,
    /// The server has been silent for too long.
    Silent,
}

/// The two timers of one connection (the client protocol, 4.3).
#[derive(Debug)]
pub(super) struct HeartbeatClock {
    /// Time between two heartbeats; none are sent without it.
    interval: Option<Duration>,
    /// Longest silence; endless without it.
    silence: Option<Duration>,
    next_heartbeat: Instant,
    last_heard: Instant,
}

impl HeartbeatClock {
    /// A clock that starts at `now`. Zero durations switch a timer off.
    pub(super) fn new(interval: Duration, silence: Duration, now: Instant) -> Self {
        let interval = Some(interval).filter(|interval| !interval.is_zero());
        Self {
            interval,
            silence: Some(silence).filter(|silence| !silence.is_zero()),
            next_heartbeat: interval.and_then(|i| now.checked_add(i)).unwrap_or(now),
            last_heard: now,
        }
    }

    /// Something came from the server.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// What is due at `now`. A heartbeat that is reported counts as sent, and those that were
    /// missed meanwhile are not made up for.
    pub(super) fn tick(&mut self, now: Instant) -> Tick {
        if self.silent_at().is_some_and(|at| now >= at) {
            return Tick::Silent;
        }
        match self.interval {
            Some(interval) if now >= self.next_heartbeat => {
                self.next_heartbeat = now.checked_add(interval).unwrap_or(now);
                Tick::Heartbeat
            }
            _ => Tick::Nothing,
        }
    }

    /// When [`tick`](Self::tick) has to be asked next, unless something is heard before.
    pub(super) fn next(&self) -> Option<Instant> {
        let heartbeat = self.interval.map(|_| self.next_heartbeat);
        [heartbeat, self.silent_at()].into_iter().flatten().min()
    }

    fn silent_at(&self) -> Option<Instant> {
        self.last_heard.checked_add(self.silence?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn heartbeats_come_at_the_interval_and_missed_ones_are_not_made_up_for() {
        let start = Instant::now();
        let mut clock = HeartbeatClock::new(SECOND * 10, Duration::ZERO, start);
        assert_eq!(clock.next(), Some(start + SECOND * 10));
        assert_eq!(clock.tick(start + SECOND * 9), Tick::Nothing);
        assert_eq!(clock.tick(start + SECOND * 10), Tick::Heartbeat);
        assert_eq!(clock.tick(start + SECOND * 10), Tick::Nothing);
        assert_eq!(clock.tick(start + SECOND * 55), Tick::Heartbeat);
        assert_eq!(clock.tick(start + SECOND * 55), Tick::Nothing);
        assert_eq!(clock.next(), Some(start + SECOND * 65));
    }

    #[test]
    fn silence_is_counted_from_what_was_heard_last() {
        let start = Instant::now();
        let mut clock = HeartbeatClock::new(Duration::ZERO, SECOND * 21, start);
        assert_eq!(clock.tick(start + SECOND * 20), Tick::Nothing);
        clock.heard(start + SECOND * 20);
        assert_eq!(clock.next(), Some(start + SECOND * 41));
        assert_eq!(clock.tick(start + SECOND * 40), Tick::Nothing);
        assert_eq!(clock.tick(start + SECOND * 41), Tick::Silent);
    }

    #[test]
    fn zero_switches_both_timers_off() {
        let start = Instant::now();
        let mut clock = HeartbeatClock::new(Duration::ZERO, Duration::ZERO, start);
        assert_eq!(clock.next(), None);
        assert_eq!(clock.tick(start + SECOND * 1_000_000), Tick::Nothing);
    }

    #[test]
    fn endless_durations_do_not_overflow() {
        let start = Instant::now();
        let mut clock = HeartbeatClock::new(SECOND, Duration::MAX, start);
        assert_eq!(clock.tick(start + SECOND), Tick::Heartbeat);
    }
}
