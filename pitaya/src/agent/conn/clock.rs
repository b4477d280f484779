//! What a connection knows of the time without asking: the clock is read as rarely as possible.

use std::time::Duration;

use tokio::time::Instant;

pub(in crate::agent) struct Clock {
    /// When the socket last gave something. One reading of the clock serves every message in it.
    read_at: Instant,
    /// How long the messages of that read have waited for each other by now.
    waited: Duration,
    /// A reading of the clock in this very poll of the task.
    polled_at: Option<Instant>,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            read_at: now,
            waited: Duration::ZERO,
            polled_at: None,
        }
    }

    /// When the socket last gave something.
    #[inline]
    pub(in crate::agent) fn read_at(&self) -> Instant {
        self.read_at
    }

    /// How long the next message has waited since then.
    #[inline]
    pub(in crate::agent) fn waited(&self) -> Duration {
        self.waited
    }

    /// The socket has given something.
    #[inline]
    pub(super) fn read(&mut self, now: Instant) {
        self.read_at = now;
        self.waited = Duration::ZERO;
        self.polled_at = Some(now);
    }

    /// A call that came at `received` has ended `now`, after this time.
    #[inline]
    pub(in crate::agent) fn served(&mut self, received: Instant, now: Instant, time: Duration) {
        // What was read while it ran has waited for less long.
        self.waited = if received == self.read_at {
            time
        } else {
            now - self.read_at
        };
        self.polled_at = Some(now);
    }

    /// Something else than a call has held the next message up until now.
    pub(in crate::agent) fn held_up(&mut self) {
        let now = Instant::now();
        self.waited = now - self.read_at;
        self.polled_at = Some(now);
    }

    /// The time, to be asked once in a poll.
    #[inline]
    pub(super) fn now(&mut self) -> Instant {
        self.polled_at.take().unwrap_or_else(Instant::now)
    }
}
