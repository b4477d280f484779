//! What a transport has to do for other servers.

use metrics::{Gauge, Histogram};

use super::AppRecorder;

/// How much a transport's server has to do; see [`Inbox::load`](crate::cluster::Inbox::load).
#[derive(Clone)]
pub struct RpcLoad {
    busy: Gauge,
    total: Gauge,
    room: Histogram,
    dropped: Gauge,
}

impl RpcLoad {
    pub(super) fn new(recorder: &AppRecorder) -> Self {
        let pool = [("pool", "rpc_server_remote")];
        let channel = [("channel", "rpc_server_subchan")];
        Self {
            busy: recorder.gauge("pitaya_worker_pool_busy_workers", &pool),
            total: recorder.gauge("pitaya_worker_pool_total_workers", &pool),
            room: recorder.histogram("pitaya_channel_channel_capacity", &channel),
            dropped: recorder.gauge("pitaya_rpc_server_dropped_messages", &[]),
        }
    }

    /// Goes nowhere.
    pub fn unmeasured() -> Self {
        Self {
            busy: Gauge::noop(),
            total: Gauge::noop(),
            room: Histogram::noop(),
            dropped: Gauge::noop(),
        }
    }

    /// At most so many calls run at the same time.
    pub fn limited(&self, calls: usize) {
        self.total.set(calls as f64);
    }

    /// So many calls run at the moment.
    pub fn running(&self, calls: usize) {
        self.busy.set(calls as f64);
    }

    /// A call has come, and there was room for so many.
    pub fn room(&self, calls: usize) {
        self.room.record(calls as f64);
    }

    /// So many messages have been dropped since the start.
    pub fn dropped(&self, messages: u64) {
        self.dropped.set(messages as f64);
    }
}

impl std::fmt::Debug for RpcLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcLoad").finish_non_exhaustive()
    }
}
