//! All sessions of one app, by id and by user.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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

    pub(crate) fn open(&self, app: &AppHandle, peer: Option<SocketAddr>) -> Session {
        let id = self.next_id();
        let session = Session::new(id, app.clone(), peer);
        let _ = self.by_id.insert_sync(id, session.clone());
        self.count.fetch_add(1, Ordering::AcqRel);
        session
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

    /// Makes `session` the user's; answers the one it was before.
    pub(super) fn claim(&self, uid: &Uid, session: &Session) -> Option<Session> {
        self.by_uid.upsert_sync(uid.clone(), session.clone())
    }

    /// Gives the user back to a session that lost the claim, unless somebody else has it now.
    pub(super) fn restore(&self, uid: &Uid, earlier: &Session) {
        let _ = self.by_uid.insert_sync(uid.clone(), earlier.clone());
        if earlier.is_closed() {
            self.release(uid, earlier);
        }
    }

    /// The user has no session any more, if it was this one.
    pub(super) fn release(&self, uid: &Uid, session: &Session) {
        self.by_uid.remove_if_sync(&**uid, |owner| owner.id() == session.id());
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
        self.0.pool().by_id.read_sync(&id, |_, session| session.clone())
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
