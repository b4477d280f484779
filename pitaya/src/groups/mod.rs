//! Groups of users: named lists of user ids that an app pushes to, for example the players of a room.
//!
//! A group knows ids and nothing else. It never touches sessions or connections, and it does not
//! notice that a user has left: whoever adds a user to a group also removes them, usually when their
//! session closes.

mod memory;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

pub use memory::MemoryGroups;

use crate::error::{Error, Result};
use crate::handler::BoxFuture;
use crate::uid::Uid;

/// Where an app keeps its groups.
///
/// Every failure that the caller caused is a [`GroupError`] inside the [`Error`], the same one from
/// every implementation; [`GroupError::of`] finds it. A service may fail for reasons of its own on
/// top of that. A group whose time to live has passed does not exist for any call.
///
/// A future does nothing until it is polled.
pub trait GroupService: Send + Sync + 'static {
    /// Creates an empty group. With `ttl` it vanishes, members included, when that much time has
    /// passed since it was created or last renewed; without, or with zero, it stays until deleted.
    ///
    /// # Errors
    /// [`GroupError::AlreadyExists`].
    fn create<'a>(&'a self, group: &'a str, ttl: Option<Duration>) -> BoxFuture<'a, Result<()>>;

    /// Starts the group's time to live anew.
    ///
    /// # Errors
    /// [`GroupError::NotFound`]; [`GroupError::TtlNotFound`] if the group was created without one.
    fn renew<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Adds a user.
    ///
    /// # Errors
    /// [`GroupError::EmptyUid`], [`GroupError::NotFound`], [`GroupError::MemberAlreadyExists`].
    fn add<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>>;

    /// Removes a user.
    ///
    /// # Errors
    /// [`GroupError::NotFound`], [`GroupError::MemberNotFound`].
    fn remove<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<()>>;

    /// Whether the user is a member.
    ///
    /// # Errors
    /// [`GroupError::EmptyUid`], [`GroupError::NotFound`].
    fn contains<'a>(&'a self, group: &'a str, uid: &'a Uid) -> BoxFuture<'a, Result<bool>>;

    /// The members as they are now; later changes do not show in the list.
    ///
    /// # Errors
    /// [`GroupError::NotFound`].
    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Arc<[Uid]>>>;

    /// How many members there are.
    ///
    /// # Errors
    /// [`GroupError::NotFound`].
    fn count<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<usize>>;

    /// Removes the group and its members.
    ///
    /// # Errors
    /// [`GroupError::NotFound`].
    fn delete<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Removes all members and keeps the group, its time to live as it is.
    ///
    /// # Errors
    /// [`GroupError::NotFound`].
    fn remove_all<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Gives back what the service holds; an app calls this once, at the end of its shutdown.
    ///
    /// # Errors
    /// Whatever the service cannot give back; groups in memory never fail here.
    fn close(&self) -> BoxFuture<'_, Result<()>>;

    /// Frees what has expired; an app calls this every `pitaya.groups.memory.tickduration`.
    ///
    /// Only memory depends on it, never what the other calls answer. Does nothing by default.
    fn sweep(&self) {}
}

/// What a caller did wrong with a group. The texts are those that Go Pitaya uses.
///
/// ```
/// use pitaya::groups::GroupError;
/// let error = pitaya::Error::from(GroupError::NotFound);
/// assert_eq!((error.code(), error.message()), ("PIT-000", "group not found"));
/// assert_eq!(GroupError::of(&error), Some(GroupError::NotFound));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// A group of this name is there already.
    #[error("group already exists")]
    AlreadyExists,
    /// No group of this name, or its time to live has passed.
    #[error("group not found")]
    NotFound,
    /// The user is in the group already.
    #[error("member already exists in group")]
    MemberAlreadyExists,
    /// The user is not in the group.
    #[error("member not found in the group")]
    MemberNotFound,
    /// The user's id is the empty text.
    #[error("empty uid")]
    EmptyUid,
    /// The group was created without a time to live.
    #[error("memory group TTL not found")]
    TtlNotFound,
}

impl GroupError {
    /// The group error that caused this one, if one did.
    pub fn of(error: &Error) -> Option<Self> {
        error.source()?.downcast_ref().copied()
    }
}

/// `PIT-000` with the text; the group error is kept as the source.
impl From<GroupError> for Error {
    fn from(error: GroupError) -> Self {
        Self::msg(error.to_string()).with_source(error)
    }
}
