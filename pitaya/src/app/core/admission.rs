//! Who may connect: how fast, and how many of them before the end of their handshake.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::Core;
use crate::app::AppHandle;

impl Core {
    /// Whether one more client may connect in this moment.
    pub(in crate::app) fn is_in_pace(&self) -> bool {
        self.pace
            .as_ref()
            .is_none_or(|pace| pace.lock().admit(Instant::now()))
    }

    /// Counts a connection whose handshake is not done; `None` when there are too many.
    pub(in crate::app) fn pending(&self) -> Option<Pending> {
        let limit = self.limits().pending;
        let earlier = self.app.0.pending.fetch_add(1, Ordering::AcqRel);
        let pending = Pending(self.app.clone());
        (limit == 0 || earlier < limit).then_some(pending)
    }
}

/// One connection whose handshake is not done.
pub(crate) struct Pending(AppHandle);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.0.pending.fetch_sub(1, Ordering::AcqRel);
    }
}
