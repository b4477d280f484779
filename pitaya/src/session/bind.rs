//! Binding a session to a user: all of it or nothing.

use super::outbound::End;
use super::{CloseReason, Session};
use crate::app::BindCallback;
use crate::error::{Error, Result, codes};
use crate::isolate::isolated;
use crate::protocol::packet;
use crate::uid::Uid;

impl Session {
    /// Binds this session to a user, who from then on can be reached by id.
    ///
    /// In order: the on-bind callbacks, each of which may refuse; the user's entry in the app's
    /// pool; the after-bind callbacks. If any of them fails everything is as it was before. When the
    /// user had another session on this server that one is closed at the end.
    ///
    /// # Errors
    /// `PIT-000` with `illegal uid` for an empty id, `session is already bound to an uid`, the
    /// callback's own error, and `PIT-499` when the session has ended.
    pub async fn bind(&self, uid: impl Into<Uid>) -> Result<()> {
        let uid = uid.into();
        if uid.is_empty() {
            return Err(Error::msg("illegal uid"));
        }
        let attempt = Attempt::start(self, &uid)?;
        let app = self.app();
        let run = async |callback: &BindCallback| {
            let run = async { callback(self.clone(), uid.clone()).await };
            isolated(app, "bind_callback", run).await
        };
        for callback in app.bind_callbacks() {
            run(callback).await?;
        }
        if let Some(remote) = &self.0.remote {
            self.bind_remote(remote, &uid).await?;
            for callback in app.after_bind_callbacks() {
                run(callback).await?;
            }
            attempt.keep();
            return Ok(());
        }
        // From here on messages for the user come to this server.
        let subscription = Subscription::make(self, &uid).await?;
        let claim = Claim::stake(self, &uid);
        if let Ok(cluster) = app.cluster() {
            // Behind the claim: whoever announces a bind from now on finds this one, and who did so
            // before is earlier.
            self.0.state.lock().extras().bind_epoch = cluster.bind_epoch();
        }
        if self.is_closed() {
            return Err(super::broken_pipe());
        }
        for callback in app.after_bind_callbacks() {
            run(callback).await?;
        }
        if self.is_closed() {
            return Err(super::broken_pipe());
        }
        attempt.keep();
        // Before the claim lets go of them: whoever looks for the user finds this session by now.
        let unique = app.cluster().ok().filter(|cluster| cluster.unique);
        let last: &[u8] = if unique.is_some() { &packet::KICK } else { &[] };
        for replaced in claim.keep() {
            replaced.end(CloseReason::Replaced, End::Flush, last);
        }
        if self.is_closed() {
            // It ended in this very moment: nobody else will clean up.
            app.pool().unclaim(&uid, self);
            return Err(super::broken_pipe());
        }
        subscription.keep();
        if self.is_closed() {
            self.unsubscribe();
            return Err(super::broken_pipe());
        }
        if let Some(cluster) = unique {
            cluster.announce(app, &uid, self.bind_epoch()).await;
        }
        Ok(())
    }

    /// Whom this session displaced in a bind that is still under way.
    pub(super) fn take_displaced(&self) -> Option<Session> {
        self.0.state.lock().extras.as_mut()?.displaced.take()
    }

    pub(super) fn displaced(&self) -> Option<Session> {
        self.0.state.lock().extras.as_ref()?.displaced.clone()
    }

    pub(super) fn set_displaced(&self, earlier: Option<Session>) {
        let mut state = self.0.state.lock();
        if earlier.is_some() || state.extras.is_some() {
            state.extras().displaced = earlier;
        }
    }
}

/// A bind under way; dropped without `keep`, also by a cancelled handler, the session is unbound.
struct Attempt<'a> {
    session: &'a Session,
    kept: bool,
}

impl<'a> Attempt<'a> {
    fn start(session: &'a Session, uid: &Uid) -> Result<Self> {
        let mut state = session.0.state.lock();
        if state.closed.is_some() {
            return Err(super::broken_pipe());
        }
        if state.binding || state.uid.is_some() {
            return Err(Error::new(
                codes::UNKNOWN,
                "session is already bound to an uid",
            ));
        }
        state.binding = true;
        if let Some(extras) = &mut state.extras {
            extras.bind_epoch = 0;
        }
        state.uid = Some(uid.clone());
        Ok(Self {
            session,
            kept: false,
        })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut state = self.session.0.state.lock();
        state.binding = false;
        if !self.kept {
            state.uid = None;
        }
    }
}

/// The user's entry in the pool; dropped without `keep`, the earlier owner has it back.
struct Claim<'a> {
    session: &'a Session,
    uid: &'a Uid,
    kept: bool,
}

impl<'a> Claim<'a> {
    fn stake(session: &'a Session, uid: &'a Uid) -> Self {
        session.app().pool().claim(uid, session);
        Self {
            session,
            uid,
            kept: false,
        }
    }

    /// Answers those who had the user before.
    fn keep(mut self) -> Vec<Session> {
        self.kept = true;
        self.session.app().pool().settle(self.uid, self.session)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.session.app().pool().unclaim(self.uid, self.session);
        }
    }
}

/// The transport's promise to bring the user's messages here; dropped without `keep`, it is taken
/// back.
struct Subscription<'a> {
    session: &'a Session,
    uid: &'a Uid,
    kept: bool,
}

impl<'a> Subscription<'a> {
    async fn make(session: &'a Session, uid: &'a Uid) -> Result<Self> {
        if let Ok(cluster) = session.app().cluster() {
            cluster.server.user_bound(uid).await?;
        }
        Ok(Self {
            session,
            uid,
            kept: false,
        })
    }

    /// From now on the session's end takes it back.
    fn keep(mut self) {
        self.kept = true;
        self.session.0.state.lock().subscribed = true;
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        if !self.kept
            && let Ok(cluster) = self.session.app().cluster()
        {
            cluster.server.user_left(self.uid);
        }
    }
}

impl Session {
    /// When the session was bound, in nanoseconds since 1970: of two binds of one user the later
    /// one wins.
    pub(crate) fn bind_epoch(&self) -> u64 {
        self.0.state.lock().bind_epoch()
    }

    /// Another server has bound the user: of two binds the later one stays. Binds without a time are
    /// Go servers', for whom the one that was announced stays.
    pub(crate) fn give_way(&self, epoch: u64, frontend_id: &str) {
        {
            let mut state = self.0.state.lock();
            let ours = (state.bind_epoch(), self.app().server().id.as_str());
            if epoch != 0 && (epoch, frontend_id) <= ours {
                return;
            }
            // Under the same lock: a bind under way must not become later than the other one and
            // end nevertheless, or nobody were left.
            state.closed.get_or_insert(CloseReason::Replaced);
        }
        self.end(CloseReason::Replaced, End::Flush, &packet::KICK);
    }

    /// The session has ended: the user's messages need not come here for it any more.
    pub(super) fn unsubscribe(&self) {
        let subscribed = std::mem::take(&mut self.0.state.lock().subscribed);
        if subscribed && let (Some(uid), Ok(cluster)) = (self.uid(), self.app().cluster()) {
            cluster.server.user_left(&uid);
        }
    }
}
