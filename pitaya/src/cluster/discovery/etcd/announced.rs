//! What both sides know of the own announcement: the keeper writes it, the watcher sees it vanish.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The own announcement.
#[derive(Default)]
pub(super) struct Announced {
    state: Mutex<State>,
    /// Wakes the keeper when the record is gone.
    pub(super) gone: Notify,
}

#[derive(Default)]
struct State {
    /// Where the record stands while it is to stand there.
    key: Option<String>,
    /// The lease that was granted last.
    lease: Option<i64>,
}

impl Announced {
    /// From now on the record is to stand at this key.
    pub(super) fn begin(&self, key: &str) {
        self.state.lock().key = Some(key.to_owned());
    }

    /// From now on the record is to stand nowhere: the lease to revoke.
    pub(super) fn end(&self) -> Option<i64> {
        let mut state = self.state.lock();
        state.key = None;
        state.lease.take()
    }

    pub(super) fn lease(&self) -> Option<i64> {
        self.state.lock().lease
    }

    pub(super) fn set_lease(&self, lease: i64) {
        self.state.lock().lease = Some(lease);
    }

    /// The record of the own id at this key was deleted.
    pub(super) fn vanished(&self, key: &[u8]) {
        if self
            .state
            .lock()
            .key
            .as_ref()
            .is_some_and(|own| own.as_bytes() == key)
        {
            self.gone.notify_one();
        }
    }

    /// All keys were read, and this tells whether one is missing.
    pub(super) fn missing_from(&self, is_missing: impl FnOnce(&[u8]) -> bool) {
        let state = self.state.lock();
        if state
            .key
            .as_ref()
            .is_some_and(|own| is_missing(own.as_bytes()))
        {
            self.gone.notify_one();
        }
    }
}
