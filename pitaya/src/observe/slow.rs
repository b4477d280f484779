//! Which handlers are slow: for the operator who asks now, beside the histograms.
//!
//! A call that is quick costs one comparison with a constant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// From here on a call is slow.
pub(super) const SLOW: Duration = Duration::from_millis(1);

/// The slow calls of every route of an app.
#[derive(Default)]
pub(crate) struct SlowCalls(Mutex<Vec<Arc<SlowRoute>>>);

/// The slow calls of one route.
pub(crate) struct SlowRoute {
    path: String,
    calls: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
}

/// The same as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slow {
    pub(crate) path: String,
    pub(crate) calls: u64,
    pub(crate) total: Duration,
    pub(crate) longest: Duration,
}

impl SlowCalls {
    /// A route that is served.
    pub(crate) fn add(&self, route: &Arc<SlowRoute>) {
        self.0.lock().push(route.clone());
    }

    /// Those that took the longest in all, at most so many.
    pub(crate) fn slowest(&self, most: usize) -> Vec<Slow> {
        let routes = self.0.lock();
        let mut slow: Vec<_> = routes.iter().filter_map(|route| route.read()).collect();
        drop(routes);
        slow.sort_unstable_by_key(|slow| std::cmp::Reverse(slow.total));
        slow.truncate(most);
        slow
    }
}

impl SlowRoute {
    pub(super) fn new(path: &str) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            calls: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        })
    }

    #[cold]
    pub(super) fn note(&self, time: Duration) {
        let seconds = time.as_secs().saturating_mul(1_000_000_000);
        let nanos = seconds.saturating_add(u64::from(time.subsec_nanos()));
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.longest.fetch_max(nanos, Ordering::Relaxed);
    }

    fn read(&self) -> Option<Slow> {
        let calls = self.calls.load(Ordering::Relaxed);
        (calls > 0).then(|| Slow {
            path: self.path.clone(),
            calls,
            total: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Ordering::Relaxed)),
        })
    }
}
