//! How fast clients may connect: a bucket that holds what one second allows.

use std::time::Duration;

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The bucket is kept as the time at which it will be full again, so nothing has to fill it.
#[derive(Debug)]
pub(super) struct Pace {
    /// What one connection takes out of the bucket.
    each: Duration,
    full_at: Option<Instant>,
}

impl Pace {
    /// None without a limit, which 0 stands for.
    pub(super) fn new(per_second: usize) -> Option<Self> {
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
        let each = SECOND.checked_div(per_second)?;
        Some(Self {
            each,
            full_at: None,
        })
    }

    /// Whether one more may connect now; only then it counts.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.each;
        let admitted = full_at <= now + SECOND;
        if admitted {
            self.full_at = Some(full_at);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_admits_its_number_at_once_or_spread_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(4).unwrap();
        let mut admitted = |millis: u64| pace.admit(start + Duration::from_millis(millis));
        assert_eq!(
            [0; 6].map(&mut admitted),
            [true, true, true, true, false, false]
        );
        // A quarter of a second makes room for one; who was refused did not count.
        assert_eq!([249, 250, 250].map(&mut admitted), [false, true, false]);
        assert_eq!(
            [5000; 5].map(&mut admitted),
            [true, true, true, true, false]
        );
    }

    #[test]
    fn nought_is_no_limit() {
        assert!(Pace::new(0).is_none());
        let mut pace = Pace::new(usize::MAX).unwrap();
        assert!(pace.admit(Instant::now()));
    }
}
