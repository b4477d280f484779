//! Binding a session to a user: all of it or nothing.

use super::outbound::End;
use super::{CloseReason, Session};
use crate::error::{Error, Result, codes};
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
        for callback in app.bind_callbacks() {
            callback(self.clone(), uid.clone()).await?;
        }
        let replaced = app.pool().claim(&uid, self);
        let claim = Claim { session: self, uid: &uid, replaced, kept: false };
        if self.is_closed() {
            return Err(super::broken_pipe());
        }
        for callback in app.after_bind_callbacks() {
            callback(self.clone(), uid.clone()).await?;
        }
        let replaced = claim.keep();
        attempt.keep();
        if self.is_closed() {
            // It ended while the bind was under way: nobody else will clean up.
            app.pool().release(&uid, self);
            return Err(super::broken_pipe());
        }
        if let Some(replaced) = replaced {
            replaced.end(CloseReason::Replaced, End::Flush, &[]);
        }
        Ok(())
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
            return Err(Error::new(codes::UNKNOWN, "session is already bound to an uid"));
        }
        state.binding = true;
        state.uid = Some(uid.clone());
        Ok(Self { session, kept: false })
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
    replaced: Option<Session>,
    kept: bool,
}

impl Claim<'_> {
    fn keep(mut self) -> Option<Session> {
        self.kept = true;
        // Binding the same session again is refused earlier, so this is another one.
        self.replaced.take()
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let pool = self.session.app().pool();
        pool.release(self.uid, self.session);
        if let Some(earlier) = self.replaced.take() {
            pool.restore(self.uid, &earlier);
        }
    }
}
