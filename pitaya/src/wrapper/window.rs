//! The slots of a rate limit: each holds the time of one packet and is free again after the
//! interval.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many packets in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) packets: usize,
    pub(super) interval: Duration,
}

/// The slots that are taken, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Instant>);

impl Window {
    /// Whether a slot is free. Slots whose interval is over are freed first: one taken at 0.2 s for
    /// 1 s is free from 1.2 s on.
    pub(super) fn has_room(&mut self, limit: Limit, now: Instant) -> bool {
        self.free(limit.interval, now);
        self.0.len() < limit.packets
    }

    /// Takes a slot.
    pub(super) fn take(&mut self, now: Instant) {
        self.0.push_back(now);
    }

    /// Whether all slots are free.
    pub(super) fn is_empty(&mut self, interval: Duration, now: Instant) -> bool {
        self.free(interval, now);
        self.0.is_empty()
    }

    fn free(&mut self, interval: Duration, now: Instant) {
        while let Some(&oldest) = self.0.front()
            && now.saturating_duration_since(oldest) >= interval
        {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which of the packets at these times, in milliseconds, are accepted.
    fn accepted(limit: Limit, times: &[u64]) -> Vec<u64> {
        let start = Instant::now();
        let mut window = Window::default();
        let mut accepted = Vec::new();
        for &time in times {
            let now = start + Duration::from_millis(time);
            if window.has_room(limit, now) {
                window.take(now);
                accepted.push(time);
            }
        }
        accepted
    }

    fn limit(packets: usize, millis: u64) -> Limit {
        Limit {
            packets,
            interval: Duration::from_millis(millis),
        }
    }

    #[test]
    fn a_slot_is_free_again_after_the_interval_and_refused_packets_take_none() {
        for (packets, times, expected) in [
            // The example of the documentation.
            (
                1,
                &[200, 300, 1199, 1200, 1201, 2199, 2200][..],
                &[200, 1200, 2200][..],
            ),
            (2, &[0, 500, 900, 1000, 1400, 1500], &[0, 500, 1000, 1500]),
            (
                3,
                &[0, 0, 0, 0, 999, 1000, 1000, 1000, 1000],
                &[0, 0, 0, 1000, 1000, 1000],
            ),
            (0, &[0, 5000], &[]),
        ] {
            assert_eq!(accepted(limit(packets, 1000), times), expected);
        }
    }

    /// The ring of the original: a list of the last accepted times, of which the oldest is replaced.
    fn ring(limit: Limit, times: &[u64]) -> Vec<u64> {
        let interval = limit.interval.as_millis() as u64;
        let mut ring: Vec<u64> = Vec::new();
        let mut accepted = Vec::new();
        for &time in times {
            if ring.len() < limit.packets {
                ring.push(time);
            } else if time - ring[0] < interval {
                continue;
            } else {
                ring.remove(0);
                ring.push(time);
            }
            accepted.push(time);
        }
        accepted
    }

    proptest! {
        #[test]
        fn it_decides_as_the_original_does(
            packets in 1..5_usize,
            pauses in proptest::collection::vec(0..400_u64, 0..60),
        ) {
            let mut now = 0;
            let times: Vec<u64> = pauses.iter().map(|pause| { now += pause; now }).collect();
            let limit = limit(packets, 1000);
            prop_assert_eq!(accepted(limit, &times), ring(limit, &times));
        }
    }
}
