//! A cap on running handlers, where the app asks for one.

use metrics::Gauge;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::AppHandle;

/// The places of running handlers.
pub(super) struct Dispatch {
    places: Semaphore,
    busy: Gauge,
}

/// One of them, taken.
pub(crate) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    busy: &'a Gauge,
}

impl Dispatch {
    pub(super) fn new(app: &AppHandle, places: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            busy: app.metrics().dispatch_workers(places),
        }
    }

    pub(super) async fn place(&self) -> Option<Place<'_>> {
        let permit = self.places.acquire().await.ok()?;
        self.busy.increment(1.0);
        Some(Place {
            _permit: permit,
            busy: &self.busy,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.busy.decrement(1.0);
    }
}
