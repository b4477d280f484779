//! Messages and kicks to users, wherever they are.

use super::AppHandle;
use crate::error::{Error, Result, codes};
use crate::message::Body;
use crate::session::PushFrames;
use crate::uid::Uid;

/// Who was not reached by a push or a kick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "look at `unreached`, or turn it into an error with `into_result`"]
pub struct Delivery {
    /// Users without a session here, or whose session took no more.
    pub unreached: Vec<Uid>,
}

impl Delivery {
    /// An error when anybody was not reached: `PIT-404`, the users under `failed` in its metadata.
    pub fn into_result(self) -> Result<()> {
        if self.unreached.is_empty() {
            return Ok(());
        }
        let failed = self.unreached.iter().map(|uid| &**uid).collect::<Vec<_>>().join(",");
        Err(Error::new(codes::NOT_FOUND, "users were not reached").with_metadata("failed", failed))
    }
}

impl AppHandle {
    /// Pushes a message to these users on frontends of this type: encoded once, framed once.
    ///
    /// # Errors
    /// When the message cannot be encoded. Users who are not reached are in the [`Delivery`].
    pub async fn push_to_users<T, U>(
        &self,
        frontend_type: &str,
        uids: impl IntoIterator<Item = U>,
        route: &str,
        message: &T,
    ) -> Result<Delivery>
    where
        T: Body,
        U: Into<Uid>,
    {
        let mut frames = PushFrames::new(self, route, message)?;
        let mut unreached = Vec::new();
        let here = self.serves(frontend_type);
        for uid in uids {
            let uid = uid.into();
            if !(here && self.push_local(&uid, &mut frames)) {
                unreached.push(uid);
            }
        }
        Ok(self.delivered(unreached))
    }

    /// Kicks these users: everything queued for them still leaves first.
    pub async fn kick_users<U: Into<Uid>>(
        &self,
        frontend_type: &str,
        uids: impl IntoIterator<Item = U>,
    ) -> Result<Delivery> {
        let mut unreached = Vec::new();
        for uid in uids {
            let uid = uid.into();
            match self.pool().by_uid(&uid).filter(|_| self.serves(frontend_type)) {
                Some(session) => session.kick_here(),
                None => unreached.push(uid),
            }
        }
        Ok(self.delivered(unreached))
    }

    /// Whether clients of this frontend type are connected here.
    pub(super) fn serves(&self, frontend_type: &str) -> bool {
        self.server().frontend && self.server().kind == frontend_type
    }

    /// Queues the message for a user who is connected here: whether that was possible.
    pub(super) fn push_local(&self, uid: &Uid, frames: &mut PushFrames<'_>) -> bool {
        self.pool().with_uid(uid, |session| session.deliver(frames).is_ok()).unwrap_or(false)
    }

    pub(super) fn delivered(&self, unreached: Vec<Uid>) -> Delivery {
        if !unreached.is_empty() {
            self.metrics().unreached_users.increment(unreached.len() as u64);
        }
        Delivery { unreached }
    }
}
