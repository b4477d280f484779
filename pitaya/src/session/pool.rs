//! All sessions of one app, by id and by user.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use scc::hash_map::Entry;

use super::outbound::End;
use super::{CloseReason, Session};
use crate::app::AppHandle;
use crate::protocol::packet;
use crate::uid::Uid;

pub(crate) struct SessionPool {
    next_id: AtomicU64,
    by_id: scc::HashMap<u64, Session, foldhash::fast::RandomState>,
    by_uid: scc::HashMap<Uid, Session, foldhash::fast::RandomState>,
    /// Sessions whose connection lives; kept beside the map, whose own count walks it.
    count: AtomicUsize,
}

impl SessionPool {
    pub(crate) fn new() -> Self {
        Self {
            next_id: AtomicU64::new(1),
            by_id: scc::HashMap::default(),
            by_uid: scc::HashMap::default(),
            count: AtomicUsize::new(0),
        }
    }

    /// A session for a new connection; `None` when there are `limit` already (0: no limit).
    pub(crate) fn open(
        &self,
        app: &AppHandle,
        peer: Option<SocketAddr>,
        limit: usize,
    ) -> Option<Session> {
        let more = |count| (limit == 0 || count < limit).then_some(count + 1);
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        let id = self.next_id();
        let session = Session::new(id, app.clone(), peer);
        let _ = self.by_id.insert_sync(id, session.clone());
        Some(session)
    }

    /// A number for a session: clients' own and copies alike.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets a session; a user who has meanwhile bound another one keeps that.
    pub(crate) fn remove(&self, session: &Session) {
        if self.by_id.remove_sync(&session.id()).is_some() {
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
        if let Some(uid) = session.uid() {
            self.release(&uid, session);
        }
    }

    /// Makes `session` the user's; it remembers whom it displaced.
    pub(super) fn claim(&self, uid: &Uid, session: &Session) {
        match self.by_uid.entry_sync(uid.clone()) {
            Entry::Occupied(mut owner) => {
                let earlier = owner.insert(session.clone());
                session.set_displaced(Some(earlier));
            }
            Entry::Vacant(nobody) => {
                let _ = nobody.insert_entry(session.clone());
            }
        }
    }

    /// Undoes a claim: gives the user back to whom the session displaced, unless another session
    /// has claimed it since, which then has displaced that one instead.
    pub(super) fn unclaim(&self, uid: &Uid, session: &Session) {
        let earlier = session
            .take_displaced()
            .filter(|earlier| !earlier.is_closed());
        match (self.by_uid.entry_sync(uid.clone()), earlier) {
            (Entry::Occupied(mut owner), Some(earlier)) if owner.id() == session.id() => {
                owner.insert(earlier);
            }
            (Entry::Occupied(owner), None) if owner.id() == session.id() => {
                let _ = owner.remove_entry();
            }
            (Entry::Occupied(owner), earlier) => {
                let mut later = Some(owner.get().clone());
                while let Some(claimant) = later {
                    later = claimant.displaced();
                    if later
                        .as_ref()
                        .is_some_and(|displaced| displaced.id() == session.id())
                    {
                        return claimant.set_displaced(earlier);
                    }
                }
            }
            (Entry::Vacant(nobody), Some(earlier)) => {
                let _ = nobody.insert_entry(earlier);
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    /// The user has no session any more, if it was this one.
    pub(super) fn release(&self, uid: &Uid, session: &Session) {
        self.by_uid
            .remove_if_sync(&**uid, |owner| owner.id() == session.id());
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<Session> {
        self.by_uid.read_sync(uid, |_, session| session.clone())
    }

    /// Calls `f` with the user's session, without cloning it; `f` must not touch the pool.
    pub(crate) fn with_uid<R>(&self, uid: &str, f: impl FnOnce(&Session) -> R) -> Option<R> {
        self.by_uid.read_sync(uid, |_, session| f(session))
    }

    pub(crate) fn all(&self) -> Vec<Session> {
        let mut sessions = Vec::with_capacity(self.count());
        self.by_id.iter_sync(|_, session| {
            sessions.push(session.clone());
            true
        });
        sessions
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

/// The sessions of one app: look them up, count them, close them.
#[derive(Clone, Copy)]
pub struct Sessions<'a>(pub(crate) &'a AppHandle);

impl Sessions<'_> {
    /// The session with this number.
    pub fn by_id(self, id: u64) -> Option<Session> {
        self.0
            .pool()
            .by_id
            .read_sync(&id, |_, session| session.clone())
    }

    /// The session that this user is bound to on this server.
    pub fn by_uid(self, uid: &str) -> Option<Session> {
        self.0.pool().by_uid(uid)
    }

    /// How many clients are connected.
    pub fn count(self) -> usize {
        self.0.pool().count()
    }

    /// How many users are bound.
    pub fn bound_count(self) -> usize {
        self.0.pool().by_uid.len()
    }

    /// Every session of this moment.
    pub fn all(self) -> Vec<Session> {
        self.0.pool().all()
    }

    /// Kicks every client and waits until all sessions have ended, at most `deadline`: how many
    /// are left then.
    pub async fn close_all(self, deadline: std::time::Duration) -> usize {
        for session in self.all() {
            session.end(CloseReason::Shutdown, End::Flush, &packet::KICK);
        }
        self.0.connections_ended(deadline).await;
        self.count()
    }
}
