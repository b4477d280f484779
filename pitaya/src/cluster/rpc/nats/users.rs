//! Whose messages come to this server: one entry a user, however many sessions it has.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::Subscriber;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::Queue;
use crate::uid::Uid;

/// What brings a user's messages; the end of it ends its subscriptions.
pub(super) struct Watch {
    pub(super) pushes: Arc<Queue<Subscriber>>,
    pub(super) _task: AbortOnDropHandle<()>,
}

/// Nothing until the bus has confirmed it.
type Messages = Arc<OnceCell<Watch>>;

/// The users of one server, with how many sessions each has.
#[derive(Default)]
pub(super) struct Users(Mutex<HashMap<Uid, (usize, Messages)>>);

impl Users {
    /// One more session of this user.
    pub(super) fn enter<'a>(&'a self, uid: &'a Uid) -> Place<'a> {
        let mut users = self.0.lock();
        let (sessions, messages) = users.entry(uid.clone()).or_default();
        *sessions += 1;
        Place {
            users: self,
            uid,
            messages: messages.clone(),
            kept: false,
        }
    }

    /// One session of this user less.
    pub(super) fn leave(&self, uid: &Uid) {
        let mut users = self.0.lock();
        let Some((sessions, _)) = users.get_mut(uid) else {
            return;
        };
        *sessions -= 1;
        if *sessions == 0 {
            users.remove(uid);
        }
    }

    /// The pushes of a user of this server.
    pub(super) fn pushes(&self, uid: &str) -> Option<Arc<Queue<Subscriber>>> {
        let users = self.0.lock();
        let (_, messages) = users.get(uid)?;
        Some(messages.get()?.pushes.clone())
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}

/// A session that is being bound; dropped without `keep`, also by a cancelled bind, it has left.
pub(super) struct Place<'a> {
    users: &'a Users,
    uid: &'a Uid,
    messages: Messages,
    kept: bool,
}

impl Place<'_> {
    /// Set by the first session of the user; the others wait for it.
    pub(super) fn messages(&self) -> &OnceCell<Watch> {
        &self.messages
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.users.leave(self.uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_stays_as_long_as_one_session_does() {
        let (users, uid) = (Users::default(), Uid::from("u1"));
        users.enter(&uid).keep();
        users.enter(&uid).keep();
        drop(users.enter(&uid));
        users.leave(&uid);
        assert_eq!(users.len(), 1);
        users.leave(&uid);
        users.leave(&uid);
        assert_eq!(users.len(), 0);
    }
}
