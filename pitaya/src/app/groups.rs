//! Groups of users, as an app offers them: the service's operations, broadcast and multicast.

use std::sync::Arc;
use std::time::Duration;

use super::push::Pushing;
use super::{AppHandle, Delivery};
use crate::error::Result;
use crate::groups::GroupError;
use crate::message::Body;
use crate::session::Session;
use crate::uid::Uid;

/// The groups of one app.
#[derive(Clone, Copy)]
pub struct Groups<'a>(&'a AppHandle);

impl AppHandle {
    /// Groups of users, for example the players of a room.
    pub fn groups(&self) -> Groups<'_> {
        Groups(self)
    }
}

impl Groups<'_> {
    /// Creates an empty group that stays until it is deleted.
    ///
    /// # Errors
    /// `group already exists`.
    pub async fn create(self, group: &str) -> Result<()> {
        self.0.0.groups.create(group, None).await
    }

    /// Creates an empty group that vanishes after `ttl`, unless it is renewed.
    ///
    /// # Errors
    /// `group already exists`.
    pub async fn create_with_ttl(self, group: &str, ttl: Duration) -> Result<()> {
        self.0.0.groups.create(group, Some(ttl)).await
    }

    /// Creates the group unless it is there already.
    ///
    /// # Errors
    /// None of the service in memory.
    pub async fn ensure(self, group: &str) -> Result<()> {
        match self.create(group).await {
            Err(error) if GroupError::of(&error) == Some(GroupError::AlreadyExists) => Ok(()),
            created => created,
        }
    }

    /// Starts a group's time to live anew.
    ///
    /// # Errors
    /// `group not found`, or that it has no time to live.
    pub async fn renew(self, group: &str) -> Result<()> {
        self.0.0.groups.renew(group).await
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `group not found`, `member already exists in group`, `empty uid`.
    pub async fn add_member(self, group: &str, uid: &str) -> Result<()> {
        self.0.0.groups.add(group, &uid.into()).await
    }

    /// Removes a user.
    ///
    /// # Errors
    /// `group not found`, `member not found in the group`.
    pub async fn remove_member(self, group: &str, uid: &str) -> Result<()> {
        self.0.0.groups.remove(group, &uid.into()).await
    }

    /// Whether the user is a member.
    ///
    /// # Errors
    /// `group not found`, `empty uid`.
    pub async fn contains(self, group: &str, uid: &str) -> Result<bool> {
        self.0.0.groups.contains(group, &uid.into()).await
    }

    /// The members, in the order in which they were added.
    ///
    /// # Errors
    /// `group not found`.
    pub async fn members(self, group: &str) -> Result<Arc<[Uid]>> {
        self.0.0.groups.members(group).await
    }

    /// How many members there are.
    ///
    /// # Errors
    /// `group not found`.
    pub async fn count(self, group: &str) -> Result<usize> {
        self.0.0.groups.count(group).await
    }

    /// Removes all members and keeps the group.
    ///
    /// # Errors
    /// `group not found`.
    pub async fn remove_all(self, group: &str) -> Result<()> {
        self.0.0.groups.remove_all(group).await
    }

    /// Removes the group and its members.
    ///
    /// # Errors
    /// `group not found`.
    pub async fn delete(self, group: &str) -> Result<()> {
        self.0.0.groups.delete(group).await
    }

    /// Pushes a message to every member on frontends of this type, wherever they are connected:
    /// encoded once, framed once.
    ///
    /// # Errors
    /// `group not found`, that the message cannot be encoded, and on a backend that no type is given.
    /// Members who are not reached are in the [`Delivery`].
    pub async fn broadcast<T: Body>(
        self,
        frontend_type: &str,
        group: &str,
        route: &str,
        message: &T,
    ) -> Result<Delivery> {
        let members = self.members(group).await?;
        let mut pushing = Pushing::new(self.0, frontend_type, None, route, message)?;
        members.iter().for_each(|uid| pushing.push(uid));
        Ok(pushing.finish().await)
    }

    /// The same with a message that replaces an earlier one of the same key which waits for the same
    /// member, such as the position of one of them: see [`Session::push_latest`], also for members whose
    /// session is on another server.
    ///
    /// # Errors
    /// As [`Groups::broadcast`].
    pub async fn broadcast_latest<T: Body>(
        self,
        frontend_type: &str,
        group: &str,
        key: &str,
        route: &str,
        message: &T,
    ) -> Result<Delivery> {
        let members = self.members(group).await?;
        let mut pushing = Pushing::new(self.0, frontend_type, Some(key), route, message)?;
        members.iter().for_each(|uid| pushing.push(uid));
        Ok(pushing.finish().await)
    }

    /// Pushes a message to the members whom `accepts` names, on frontends of this type.
    ///
    /// # Errors
    /// As [`Groups::broadcast`]; members whom the filter leaves out are not missed.
    pub async fn multicast<T: Body>(
        self,
        frontend_type: &str,
        group: &str,
        route: &str,
        message: &T,
        accepts: impl Fn(Member<'_>) -> bool + Send,
    ) -> Result<Delivery> {
        let members = self.members(group).await?;
        let mut pushing = Pushing::new(self.0, frontend_type, None, route, message)?;
        for uid in members.iter() {
            // The filter is the application's own code: it runs outside the pool's locks.
            let session = pushing.session(uid);
            if accepts(Member {
                uid,
                session: session.as_ref(),
            }) {
                pushing.push(uid);
            }
        }
        Ok(pushing.finish().await)
    }
}

/// A member of a group, as the filter of [`Groups::multicast`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    uid: &'a Uid,
    session: Option<&'a Session>,
}

impl<'a> Member<'a> {
    /// The user.
    pub fn uid(self) -> &'a Uid {
        self.uid
    }

    /// The user's session, if that is on this server: of members elsewhere only the user is known.
    pub fn session(self) -> Option<&'a Session> {
        self.session
    }
}
