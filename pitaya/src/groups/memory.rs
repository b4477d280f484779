//! Groups in the memory of one app: not shared with other apps, gone when the app ends.
//!
//! No call waits for another group's, runs foreign code under a lock, or holds a lock across an
//! await. The lock of a map bucket may be held while taking a group's `deadline`, never the reverse.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use scc::hash_map::Entry;
use tokio::time::Instant;

use super::{GroupError, GroupService};
use crate::error::Result;
use crate::handler::BoxFuture;
use crate::uid::Uid;

#[cfg(test)]
mod tests;

/// Groups in memory, owned by one app: the default [`GroupService`].
///
/// Members are listed in the order in which they were added, and the list is built once per change:
/// reading it again costs no more for many members than for one. Any text names a group. Time is
/// [`tokio::time`], so that a test that pauses it holds the groups' time as well.
///
/// ```
/// use pitaya::groups::{GroupService, MemoryGroups};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> pitaya::Result<()> {
/// let groups = MemoryGroups::new();
/// groups.create("hall", None).await?;
/// groups.add("hall", &"ann".into()).await?;
/// assert_eq!(groups.count("hall").await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct MemoryGroups {
    /// Expired groups may still be here: whoever looks one up has to ask whether it has.
    groups: scc::HashMap<Box<str>, Arc<Group>, RandomState>,
}

/// Shared, so that the map is not locked while members are changed or listed.
///
/// A call that has found its group just before another one deleted it still works on the old group,
/// as if it had come first.
struct Group {
    /// None: stays until it is deleted.
    life: Option<Life>,
    members: Mutex<Members>,
}

struct Life {
    ttl: Duration,
    /// None: further away than the clock can tell. Once it has passed it is never moved again, so
    /// that a group seen as expired by one call cannot come back for another.
    deadline: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Members {
    /// Counts additions: gives each member a place that no removal disturbs.
    next_place: u64,
    by_place: BTreeMap<u64, Uid>,
    place_of: HashMap<Uid, u64, RandomState>,
    /// What `members` answers; None after a change.
    listed: Option<Arc<[Uid]>>,
}

impl MemoryGroups {
    /// A service without groups.
    pub fn new() -> Self {
        Self::default()
    }

    fn insert(&self, name: &str, ttl: Option<Duration>) -> Result<(), GroupError> {
        let group = Arc::new(Group::new(ttl));
        // The replaced group is freed after the map's lock.
        let _expired = match self.groups.entry_sync(name.into()) {
            Entry::Vacant(place) => {
                place.insert_entry(group);
                None
            }
            Entry::Occupied(mut found) if found.get().has_expired() => Some(found.insert(group)),
            Entry::Occupied(_) => return Err(GroupError::AlreadyExists),
        };
        Ok(())
    }

    /// The group of this name that has not expired; frees one that has.
    fn find(&self, name: &str) -> Result<Arc<Group>, GroupError> {
        let found = self.groups.read_sync(name, |_, group| Arc::clone(group));
        let group = found.ok_or(GroupError::NotFound)?;
        if group.has_expired() {
            // Someone may have created a group of this name since.
            self.groups
                .remove_if_sync(name, |current| Arc::ptr_eq(current, &group));
            return Err(GroupError::NotFound);
        }
        Ok(group)
    }
}

impl Group {
    fn new(ttl: Option<Duration>) -> Self {
        let life = ttl.filter(|ttl| !ttl.is_zero()).map(|ttl| Life {
            ttl,
            deadline: Mutex::new(Instant::now().checked_add(ttl)),
        });
        Self {
            life,
            members: Mutex::default(),
        }
    }

    fn has_expired(&self) -> bool {
        let deadline = self.life.as_ref().and_then(|life| *life.deadline.lock());
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    fn renew(&self) -> Result<(), GroupError> {
        let life = self.life.as_ref().ok_or(GroupError::TtlNotFound)?;
        let mut deadline = life.deadline.lock();
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(GroupError::NotFound);
        }
        *deadline = now.checked_add(life.ttl);
        Ok(())
    }
}

impl Members {
    fn add(&mut self, uid: &Uid) -> Result<(), GroupError> {
        if self.place_of.contains_key(uid) {
            return Err(GroupError::MemberAlreadyExists);
        }
        let place = self.next_place;
        self.next_place += 1;
        self.place_of.insert(uid.clone(), place);
        self.by_place.insert(place, uid.clone());
        self.listed = None;
        Ok(())
    }

    fn remove(&mut self, uid: &Uid) -> Result<(), GroupError> {
        let place = self
            .place_of
            .remove(uid)
            .ok_or(GroupError::MemberNotFound)?;
        self.by_place.remove(&place);
        self.listed = None;
        Ok(())
    }

    fn list(&mut self) -> Arc<[Uid]> {
        let by_place = &self.by_place;
        let list = || by_place.values().cloned().collect();
        Arc::clone(self.listed.get_or_insert_with(list))
    }
}

fn not_empty(uid: &Uid) -> Result<(), GroupError> {
    if uid.is_empty() {
        Err(GroupError::EmptyUid)
    } else {
        Ok(())
    }
}

impl GroupService for MemoryGroups {
    fn create<'a>(&'a self, group: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Ok(self.insert(group, ttl)?) })
    }

    fn renew<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { Ok(self.find(group)?.renew()?) })
    }

    fn add<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            not_empty(uid)?;
            let group = self.find(group)?;
            group.members.lock().add(uid)?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let group = self.find(group)?;
            group.members.lock().remove(uid)?;
            Ok(())
        })
    }

    fn contains<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            not_empty(uid)?;
            let group = self.find(group)?;
            let members = group.members.lock();
            Ok(members.place_of.contains_key(uid))
        })
    }

    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Arc<[Uid]>>> {
        Box::pin(async move {
            let group = self.find(group)?;
            let listed = group.members.lock().list();
            Ok(listed)
        })
    }

    fn count<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let group = self.find(group)?;
            let count = group.members.lock().place_of.len();
            Ok(count)
        })
    }

    fn delete<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (_, group) = self.groups.remove_sync(group).ok_or(GroupError::NotFound)?;
            if group.has_expired() {
                Err(GroupError::NotFound.into())
            } else {
                Ok(())
            }
        })
    }

    fn remove_all<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let group = self.find(group)?;
            // What is taken out is freed after the lock.
            let _removed = std::mem::take(&mut *group.members.lock());
            Ok(())
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.groups.clear_sync();
            Ok(())
        })
    }

    fn sweep(&self) {
        self.groups.retain_sync(|_, group| !group.has_expired());
    }
}
