//! All sessions of one app, by id and by user.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use scc::hash_map::Entry;

use super::outbound::End;
use super::{CloseReason, Session};
use crate::app::AppHandle;
use crate::observe::Refusal;
use crate::protocol::packet;
use crate::uid::Uid;

pub(crate) struct SessionPool {
    next_id: AtomicU64,
    by_id: scc::HashMap<u64, Session, foldhash::fast::RandomState>,
    by_uid: scc::HashMap<Uid, Session, foldhash::fast::RandomState>,
    /// Sessions whose connection lives; kept beside the map, whose own count walks it.
    count: AtomicUsize,
    /// Connections by [`network_of`] their peer; empty unless those are limited.
    by_network: scc::HashMap<IpAddr, usize, foldhash::fast::RandomState>,
}

/// How many sessions there may be; 0 = no such limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) sessions: usize,
    /// Of one address, for which an IPv6 network of 64 bits stands.
    pub(crate) of_address: usize,
}

/// Whose connections are counted together. A network of 64 bits is the least that an IPv6 client is
/// given, so one client has all of its addresses.
fn network_of(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The place of a connection among those of its address, while it has no session.
pub(crate) struct Place {
    app: AppHandle,
    /// `None`: it is the session's.
    network: Option<IpAddr>,
}

impl Place {
    /// # Errors
    /// This address has as many connections as it may have.
    pub(crate) fn take(app: &AppHandle, peer: SocketAddr) -> Result<Self, Refusal> {
        let network = network_of(peer);
        if !app.pool().enter(network, app.limits().most.of_address) {
            return Err(Refusal::Address);
        }
        Ok(Self {
            app: app.clone(),
            network: Some(network),
        })
    }

    /// Gives it to a session of this network; whether it is one there.
    fn give(&mut self, network: IpAddr) -> bool {
        self.network.take_if(|held| *held == network).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(network) = self.network {
            self.app.pool().leave(network);
        }
    }
}

impl SessionPool {
    pub(crate) fn new() -> Self {
        Self {
            next_id: AtomicU64::new(1),
            by_id: scc::HashMap::default(),
            by_uid: scc::HashMap::default(),
            count: AtomicUsize::new(0),
            by_network: scc::HashMap::default(),
        }
    }

    /// A session for a new connection, which may have a place among those of its address.
    ///
    /// # Errors
    /// There are as many as there may be, of all clients or of this one's address.
    pub(crate) fn open(
        &self,
        app: &AppHandle,
        peer: Option<SocketAddr>,
        place: Option<Place>,
    ) -> Result<Session, Refusal> {
        let most = app.limits().most;
        let more = |count| (most.sessions == 0 || count < most.sessions).then_some(count + 1);
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .map_err(|_| Refusal::Connections)?;
        if let Some(network) = peer.filter(|_| most.of_address > 0).map(network_of) {
            let has_place = place.is_some_and(|mut place| place.give(network));
            if !has_place && !self.enter(network, most.of_address) {
                self.count.fetch_sub(1, Ordering::AcqRel);
                return Err(Refusal::Address);
            }
        }
        let id = self.next_id();
        let session = Session::new(id, app.clone(), peer);
        let _ = self.by_id.insert_sync(id, session.clone());
        session.0.pooled.store(true, Ordering::Release);
        Ok(session)
    }

    /// Counts a connection of this network, if there are fewer than `most`.
    fn enter(&self, network: IpAddr, most: usize) -> bool {
        let mut entry = self.by_network.entry_sync(network).or_insert(0);
        let room = *entry < most;
        if room {
            *entry += 1;
        }
        room
    }

    fn leave(&self, network: IpAddr) {
        self.by_network.remove_if_sync(&network, |count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }

    /// A number for a session: clients' own and copies alike.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets a session; a user who has meanwhile bound another one keeps that.
    pub(crate) fn remove(&self, session: &Session) {
        let pooled = session.0.pooled.swap(false, Ordering::AcqRel);
        if pooled && self.by_id.remove_sync(&session.id()).is_some() {
            self.count.fetch_sub(1, Ordering::AcqRel);
            if session.app().limits().most.of_address > 0
                && let Some(peer) = session.remote_addr()
            {
                self.leave(network_of(peer));
            }
        }
        if let Some(uid) = session.uid() {
            self.unclaim(&uid, session);
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

    /// Undoes a claim, final or not: gives the user back to whom the session displaced, unless
    /// another session has claimed it since, which then has displaced that one instead. Does nothing
    /// if it was undone before.
    pub(super) fn unclaim(&self, uid: &Uid, session: &Session) {
        // Whom a session displaced is read and changed with the user's entry locked only: of two
        // that let go at once, one would give the user back to the other.
        let entry = self.by_uid.entry_sync(uid.clone());
        let earlier = session
            .take_displaced()
            .filter(|earlier| !earlier.is_closed());
        match (entry, earlier) {
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

    /// Makes a claim final: those who had the user before, one at most unless binds of one user
    /// overlap.
    pub(super) fn settle(&self, uid: &Uid, session: &Session) -> Vec<Session> {
        let _locked = self.by_uid.entry_sync(uid.clone());
        std::iter::successors(session.take_displaced(), Session::take_displaced).collect()
    }

    /// Everybody who has the user, or would have the user back if binds under way failed.
    pub(crate) fn holders(&self, uid: &str) -> Vec<Session> {
        let holders = |_: &Uid, owner: &Session| {
            std::iter::successors(Some(owner.clone()), Session::displaced).collect()
        };
        self.by_uid.read_sync(uid, holders).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::network_of;

    #[test]
    fn ipv6_addresses_count_by_their_network_and_ipv4_alone() {
        let cases = [
            ("192.0.2.7:1", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:2", "192.0.2.7"),
            ("[2001:db8:1:2:3:4:5:6]:3", "2001:db8:1:2::"),
            ("[2001:db8:1:2::]:4", "2001:db8:1:2::"),
            ("[2001:db8:1:3::1]:5", "2001:db8:1:3::"),
        ];
        for (peer, network) in cases {
            assert_eq!(network_of(peer.parse().unwrap()).to_string(), network);
        }
    }
}
