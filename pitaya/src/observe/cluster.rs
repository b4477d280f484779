//! What is measured of a cluster: how long other servers take, and how many there are.
//!
//! Routes of forwarded messages come from clients, so nothing that was not answered well gets a
//! label of its own, and the number of labels is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Gauge, Histogram};
use parking_lot::Mutex;

use super::{AppRecorder, MAX_CODES, nanos};
use crate::cluster::{Change, Directory};

/// Routes that are told apart; further ones are measured as one.
const MAX_ROUTES: usize = 1024;

/// What stands for the routes, types and codes beyond those that are told apart.
const OTHER: &str = "other";

/// Response times of other servers, of one `type`: `handler` or `rpc`.
pub(super) struct Remote {
    recorder: AppRecorder,
    kind: &'static str,
    /// By route.
    ok: Mutex<HashMap<String, Histogram, foldhash::fast::RandomState>>,
    /// By server type and code.
    failed: Mutex<HashMap<(String, String), Histogram>>,
}

impl Remote {
    pub(super) fn new(recorder: &AppRecorder, kind: &'static str) -> Self {
        Self {
            recorder: recorder.clone(),
            kind,
            ok: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// A call has ended; `code` is empty when it went well.
    pub(super) fn ended(&self, route: &str, time: Duration, code: &str) {
        let histogram = if code.is_empty() {
            self.ok(route)
        } else {
            self.failed(route, code)
        };
        histogram.record(nanos(time));
    }

    fn ok(&self, route: &str) -> Histogram {
        let mut known = self.ok.lock();
        if let Some(histogram) = known.get(route) {
            return histogram.clone();
        }
        let route = if known.len() < MAX_ROUTES {
            route
        } else {
            OTHER
        };
        known
            .entry(route.to_owned())
            .or_insert_with(|| self.histogram(route, "ok", ""))
            .clone()
    }

    fn failed(&self, route: &str, code: &str) -> Histogram {
        let kind = server_type(route);
        let mut known = self.failed.lock();
        let key = (kind.to_owned(), code.to_owned());
        if let Some(histogram) = known.get(&key) {
            return histogram.clone();
        }
        let key = if known.len() < MAX_CODES {
            key
        } else {
            (OTHER.to_owned(), OTHER.to_owned())
        };
        let (kind, code) = (key.0.clone(), key.1.clone());
        known
            .entry(key)
            .or_insert_with(|| self.histogram(&kind, "failed", &code))
            .clone()
    }

    fn histogram(&self, route: &str, status: &str, code: &str) -> Histogram {
        super::response_time(&self.recorder, route, self.kind, status, code)
    }
}

/// How long messages waited until they were forwarded: by route, or by server type where the answer
/// was an error.
pub(super) struct Delays {
    recorder: AppRecorder,
    known: Mutex<HashMap<String, Histogram, foldhash::fast::RandomState>>,
}

impl Delays {
    pub(super) fn new(recorder: &AppRecorder) -> Self {
        Self {
            recorder: recorder.clone(),
            known: Mutex::default(),
        }
    }

    pub(super) fn sent(&self, route: &str, delay: Duration, code: &str) {
        let route = if code.is_empty() {
            route
        } else {
            server_type(route)
        };
        let mut known = self.known.lock();
        let histogram = match known.get(route) {
            Some(histogram) => histogram.clone(),
            None => {
                let route = if known.len() < MAX_ROUTES {
                    route
                } else {
                    OTHER
                };
                known
                    .entry(route.to_owned())
                    .or_insert_with(|| super::delay(&self.recorder, route, "remote"))
                    .clone()
            }
        };
        drop(known);
        histogram.record(nanos(delay));
    }
}

fn server_type(route: &str) -> &str {
    route.split_once('.').map_or(route, |(kind, _)| kind)
}

/// Keeps the number of servers of each type, from now on, in a gauge each.
pub(super) fn count_servers(recorder: &AppRecorder, directory: &Arc<Directory>) {
    // The directory keeps its listeners, which must not keep the directory.
    let (recorder, counted) = (recorder.clone(), Arc::downgrade(directory));
    let gauges: Mutex<HashMap<String, Gauge>> = Mutex::default();
    directory.listen(move |change| {
        let Some(directory) = counted.upgrade() else {
            return;
        };
        let (Change::Added(server) | Change::Removed(server)) = change;
        let mut gauges = gauges.lock();
        let gauge = gauges.entry(server.kind.clone()).or_insert_with(|| {
            recorder.gauge(
                "pitaya_service_discovery_count_servers",
                &[("type", &server.kind)],
            )
        });
        gauge.set(directory.of_kind(&server.kind).len() as f64);
    });
}
