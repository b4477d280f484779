//! What waits, in the whole app, for clients that do not keep up.
//!
//! A client that reads is not in it: its messages leave with its task's next turn. So a push costs
//! nothing here until its client has stopped reading.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The sum of bytes, and who is called when it is too large.
#[derive(Debug)]
pub(crate) struct Backlog {
    limit: u64,
    total: AtomicU64,
    over: Notify,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit as u64,
            total: AtomicU64::new(0),
            over: Notify::new(),
        }
    }

    /// What waits for one client has changed: whether the sum has grown and is too large.
    pub(crate) fn change(&self, from: u32, to: u32) -> bool {
        if to > from {
            let more = u64::from(to - from);
            let total = self.total.fetch_add(more, Ordering::Relaxed) + more;
            return total > self.limit;
        }
        if to < from {
            self.total
                .fetch_sub(u64::from(from - to), Ordering::Relaxed);
        }
        false
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Calls whoever relieves the app. Never under a queue's lock: it wakes a task.
    pub(crate) fn call_if(&self, over: bool) {
        if over {
            self.over.notify_one();
        }
    }

    /// Waits until too much waits.
    pub(crate) async fn exceeded(&self) {
        self.over.notified().await;
    }

    /// Of clients with so much each, those to give up so that the rest fits: the slowest first.
    pub(crate) fn slowest<T>(&self, mut clients: Vec<(u32, T)>) -> impl Iterator<Item = T> {
        clients.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut total = self.total();
        let limit = self.limit;
        clients.into_iter().map_while(move |(bytes, client)| {
            let over = total > limit;
            total = total.saturating_sub(u64::from(bytes));
            over.then_some(client)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_go_first_and_no_more_than_needed() {
        let backlog = Backlog::new(100);
        assert!(!backlog.change(0, 60));
        assert!(!backlog.change(0, 40));
        assert!(backlog.change(0, 50));
        assert!(backlog.change(40, 41));
        assert!(!backlog.change(41, 30));
        assert_eq!(backlog.total(), 140);
        let clients = vec![(30, 'b'), (60, 'a'), (50, 'c')];
        let given_up: Vec<_> = backlog.slowest(clients.clone()).collect();
        assert_eq!(given_up, ['a']);
        backlog.change(0, 30);
        let given_up: Vec<_> = backlog.slowest(clients).collect();
        assert_eq!(given_up, ['a', 'c']);
        for (from, to) in [(60, 0), (50, 0), (30, 0), (30, 0)] {
            assert!(!backlog.change(from, to));
        }
        assert_eq!(backlog.total(), 0);
        assert_eq!(backlog.slowest(vec![(0, 'a')]).count(), 0);
    }
}
