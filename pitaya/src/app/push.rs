//! Messages and kicks to users, wherever they are.

use super::AppHandle;
use crate::cluster::rpc::one_by_one;
use crate::cluster::wire::UserList;
use crate::error::{Error, Result, codes};
use crate::message::Body;
use crate::observe::SentAs;
use crate::session::{PushFrames, Session};
use crate::uid::Uid;

/// Who was not reached by a push or a kick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "look at `unreached`, or turn it into an error with `into_result`"]
pub struct Delivery {
    /// Users without a session, or whose session took no more.
    pub unreached: Vec<Uid>,
}

impl Delivery {
    /// An error when anybody was not reached: `PIT-404`, the users under `failed` in its metadata.
    pub fn into_result(self) -> Result<()> {
        if self.unreached.is_empty() {
            return Ok(());
        }
        let failed = self
            .unreached
            .iter()
            .map(|uid| &**uid)
            .collect::<Vec<_>>()
            .join(",");
        Err(Error::new(codes::NOT_FOUND, "users were not reached").with_metadata("failed", failed))
    }
}

impl AppHandle {
    /// Pushes a message to these users on frontends of this type: encoded once, framed once. Users
    /// whose session is here get it at once; for others it goes to whichever server has them.
    ///
    /// # Errors
    /// When the message cannot be encoded, and on a backend when no type is given. Users who are not
    /// reached are in the [`Delivery`]; some transports cannot tell that of users elsewhere.
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
        let mut pushing = Pushing::new(self, frontend_type, None, route, message)?;
        pushing.push_all(uids);
        Ok(pushing.finish().await)
    }

    /// The same with a message that replaces an earlier one of the same key which waits for the same
    /// user: see [`Session::push_latest`], also for users whose session is on another server.
    ///
    /// # Errors
    /// As [`AppHandle::push_to_users`].
    pub async fn push_latest_to_users<T, U>(
        &self,
        frontend_type: &str,
        uids: impl IntoIterator<Item = U>,
        key: &str,
        route: &str,
        message: &T,
    ) -> Result<Delivery>
    where
        T: Body,
        U: Into<Uid>,
    {
        let mut pushing = Pushing::new(self, frontend_type, Some(key), route, message)?;
        pushing.push_all(uids);
        Ok(pushing.finish().await)
    }

    /// Kicks these users: everything queued for them still leaves first. The type is as in
    /// [`AppHandle::push_to_users`].
    ///
    /// # Errors
    /// On a backend when no type is given. Users who are not reached are in the [`Delivery`].
    pub async fn kick_users<U: Into<Uid>>(
        &self,
        frontend_type: &str,
        uids: impl IntoIterator<Item = U>,
    ) -> Result<Delivery> {
        let kind = self.frontend_type(frontend_type)?;
        let elsewhere = |uid: &Uid| match self.pool().by_uid(uid).filter(|_| self.serves(kind)) {
            Some(session) => {
                session.kick_here();
                false
            }
            None => true,
        };
        let elsewhere: Vec<Uid> = uids.into_iter().map(Into::into).filter(elsewhere).collect();
        let list = UserList {
            kick: true,
            ..UserList::default()
        };
        Ok(self.delivered(self.send_list(kind, list, elsewhere).await))
    }

    /// Sends a push or a kick to users elsewhere: who was not reached.
    async fn send_list(&self, kind: &str, mut list: UserList, uids: Vec<Uid>) -> Vec<Uid> {
        let Ok(cluster) = self.cluster() else {
            return uids;
        };
        if kind.is_empty() || uids.is_empty() {
            return uids;
        }
        list.uids = uids.iter().map(Uid::to_string).collect();
        let (sent_as, sent) = if self.takes_list(kind, uids.len()) {
            (SentAs::List, cluster.client.send_list(kind, list).await)
        } else {
            (
                SentAs::Single,
                one_by_one(&*cluster.client, kind, list).await,
            )
        };
        self.metrics().sent_to_users(sent_as, sent.messages);
        sent.unreached.into_iter().map(Uid::from).collect()
    }

    /// Whether so many users of a type are sent a list: every frontend of the type takes them, as far
    /// as is known, or those of the others would be missed. A list goes to each frontend, so for few
    /// users of many frontends a message each is less work.
    fn takes_list(&self, kind: &str, users: usize) -> bool {
        if users < 2 {
            return false;
        }
        let servers = self.directory().of_kind(kind);
        let mut frontends = servers.iter().filter(|server| server.frontend).peekable();
        frontends.peek().is_some()
            && users.saturating_mul(2) >= servers.len()
            && frontends.all(|server| server.takes_lists())
    }

    /// The frontend type that is meant.
    fn frontend_type<'a>(&self, named: &'a str) -> Result<&'a str> {
        if named.is_empty() && !self.server().frontend {
            return Err(Error::msg(
                "for using SendPushToUsers from a backend server you have to specify a valid frontendType",
            ));
        }
        Ok(named)
    }

    /// Whether clients of this frontend type are connected here.
    fn serves(&self, frontend_type: &str) -> bool {
        self.server().frontend && self.server().kind == frontend_type
    }

    fn delivered(&self, unreached: Vec<Uid>) -> Delivery {
        if !unreached.is_empty() {
            self.metrics()
                .unreached_users
                .increment(unreached.len() as u64);
        }
        Delivery { unreached }
    }
}

/// One push on its way to many users.
pub(super) struct Pushing<'a> {
    app: &'a AppHandle,
    kind: &'a str,
    /// Clients of this type are connected here.
    serves: bool,
    /// Whose earlier messages it replaces.
    key: Option<&'a str>,
    frames: PushFrames<'a>,
    unreached: Vec<Uid>,
    /// Users whose session is not here.
    elsewhere: Vec<Uid>,
}

impl<'a> Pushing<'a> {
    pub(super) fn new<T: Body>(
        app: &'a AppHandle,
        frontend_type: &'a str,
        key: Option<&'a str>,
        route: &'a str,
        message: &T,
    ) -> Result<Self> {
        let kind = app.frontend_type(frontend_type)?;
        Ok(Self {
            app,
            kind,
            serves: app.serves(kind),
            key,
            frames: PushFrames::new(app, route, message)?,
            unreached: Vec::new(),
            elsewhere: Vec::new(),
        })
    }

    /// The user's session, if that is here.
    pub(super) fn session(&self, uid: &str) -> Option<Session> {
        self.serves.then(|| self.app.pool().by_uid(uid)).flatten()
    }

    /// Pushes to a user: at once if the session is here, else when everybody is known.
    #[inline]
    pub(super) fn push(&mut self, uid: &Uid) {
        let (key, frames) = (self.key, &mut self.frames);
        let deliver = |session: &Session| session.deliver_keyed(key, frames).is_ok();
        match self
            .serves
            .then(|| self.app.pool().with_uid(uid, deliver))
            .flatten()
        {
            Some(true) => {}
            Some(false) => self.unreached.push(uid.clone()),
            None => self.elsewhere.push(uid.clone()),
        }
    }

    /// Nothing is awaited meanwhile: the caller's iterator does not travel between threads.
    fn push_all<U: Into<Uid>>(&mut self, uids: impl IntoIterator<Item = U>) {
        for uid in uids {
            self.push(&uid.into());
        }
    }

    /// Sends the push to those who are elsewhere.
    pub(super) async fn finish(mut self) -> Delivery {
        let mut list = self.frames.elsewhere();
        list.key = self.key.map(str::to_owned);
        let uids = std::mem::take(&mut self.elsewhere);
        let unreached = self.app.send_list(self.kind, list, uids).await;
        self.unreached.extend(unreached);
        self.app.delivered(self.unreached)
    }
}
