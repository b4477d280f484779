//! The order of messages that have to be sent once more.
//!
//! Several messages of a lane may have been on their way to a server that takes none any more. What
//! became of each is heard one after the other; until all of it is known nothing that came later may
//! be sent, or it would overtake. Numbers only: `T` is what carries them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// How long the fate of a message is waited for. The bus tells it within one way there and back; what
/// takes longer was delivered, and is silent. Shorter than a suspicion of the directory lasts, or what
/// was held up would be sent to the same server again.
const WAIT: Duration = Duration::from_millis(500);

/// Messages by their number in the lane's order of arrival.
pub(super) struct Again<T> {
    /// To be sent again, or for the first time behind those.
    waiting: BTreeMap<u64, T>,
    /// On their way to a server that took no call sent before them.
    unsure: BTreeSet<u64>,
    /// Of those, the ones that were waited for long enough: what came later has been sent since.
    passed: BTreeSet<u64>,
    /// When the waiting ends.
    until: Option<Instant>,
}

impl<T> Again<T> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            unsure: BTreeSet::new(),
            passed: BTreeSet::new(),
            until: None,
        }
    }

    /// Nothing is held up: messages that come later may be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.unsure.is_empty()
    }

    /// Whether this message would overtake one that is to be sent again.
    pub(super) fn holds(&self, number: u64) -> bool {
        let before = |first: Option<&u64>| first.is_some_and(|first| *first < number);
        before(self.waiting.keys().next()) || before(self.unsure.first())
    }

    /// Keeps a message until those before it have been sent.
    pub(super) fn hold(&mut self, number: u64, message: T) {
        self.waiting.insert(number, message);
    }

    /// These messages are on their way to a server that took no call sent before them.
    pub(super) fn doubt(&mut self, numbers: impl IntoIterator<Item = u64>, now: Instant) {
        self.unsure.extend(numbers);
        if !self.unsure.is_empty() && self.until.is_none() {
            self.until = Some(now + WAIT);
        }
    }

    /// The fate of this message is known. False when that comes too late to send it again in order.
    pub(super) fn settle(&mut self, number: u64) -> bool {
        self.unsure.remove(&number);
        if self.unsure.is_empty() {
            self.until = None;
        }
        !self.passed.remove(&number)
    }

    /// The next message to send, once nothing before it is in doubt.
    pub(super) fn next(&mut self) -> Option<T> {
        let (first, _) = self.waiting.first_key_value()?;
        if self.holds(*first) {
            return None;
        }
        self.waiting.pop_first().map(|(_, message)| message)
    }

    /// When [`Again::pass`] is due.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Waits no longer for those in doubt.
    pub(super) fn pass(&mut self) {
        self.passed.append(&mut self.unsure);
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_next(again: &mut Again<u64>) -> Vec<u64> {
        std::iter::from_fn(|| again.next()).collect()
    }

    #[test]
    fn messages_leave_in_order_of_arrival_once_those_before_them_are_settled() {
        let (mut again, now) = (Again::new(), Instant::now());
        assert!(again.is_empty() && !again.holds(9));
        // 1 was not taken; 2, 3 and 5 went to the same server after it.
        again.hold(1, 1);
        again.doubt([2, 3, 5], now);
        assert_eq!(all_next(&mut again), [1]);
        assert!(again.holds(4) && !again.holds(2));
        // 4 had been given to another server's router meanwhile.
        again.hold(4, 4);
        assert!(again.settle(3));
        again.hold(3, 3);
        assert_eq!(all_next(&mut again), [0; 0]);
        // 2 was answered, so it is not sent again.
        assert!(again.settle(2));
        assert_eq!(all_next(&mut again), [3, 4]);
        assert!(!again.is_empty() && again.until().is_some());
        assert!(again.settle(5));
        again.hold(5, 5);
        assert_eq!(all_next(&mut again), [5]);
        assert!(again.is_empty() && again.until().is_none());
    }

    #[test]
    fn one_that_stays_silent_holds_up_nobody_for_long_and_is_never_sent_late() {
        let (mut again, now) = (Again::new(), Instant::now());
        again.hold(1, 1);
        again.doubt([2], now);
        again.hold(3, 3);
        assert_eq!(all_next(&mut again), [1]);
        again.doubt([4], now + WAIT / 2);
        assert_eq!(again.until(), Some(now + WAIT), "the first one counts");
        again.pass();
        assert_eq!(all_next(&mut again), [3]);
        assert!(again.is_empty() && again.until().is_none());
        assert!(!again.settle(2) && !again.settle(4), "too late");
        assert!(again.settle(2), "and forgotten");
    }
}
