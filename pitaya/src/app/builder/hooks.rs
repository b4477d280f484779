//! What the application hangs into the course of things.

use std::sync::Arc;

use super::AppBuilder;
use crate::cluster::remote::{AfterRemoteHook, BeforeRemoteHook};
use crate::error::Result;
use crate::handler::{AfterHook, BeforeHook, BoxFuture};
use crate::protocol::handshake::HandshakeData;
use crate::session::{CloseReason, Session};
use crate::uid::Uid;

impl AppBuilder {
    /// Runs `hook` before every handler, behind the validation and earlier hooks.
    pub fn before(mut self, hook: impl BeforeHook) -> Self {
        self.hooks.handlers.before.push(Arc::new(hook));
        self
    }

    /// Runs `hook` after every handler, behind earlier hooks.
    pub fn after(mut self, hook: impl AfterHook) -> Self {
        self.hooks.handlers.after.push(Arc::new(hook));
        self
    }

    /// Runs `hook` before every call of a remote of this server, behind earlier hooks. Those that
    /// every server has (`sys.*`), by which others reach its clients' sessions, are remotes too.
    pub fn before_remote(mut self, hook: impl BeforeRemoteHook) -> Self {
        self.hooks.remotes.before.push(Arc::new(hook));
        self
    }

    /// Runs `hook` after every call of a remote of this server, behind earlier hooks.
    pub fn after_remote(mut self, hook: impl AfterRemoteHook) -> Self {
        self.hooks.remotes.after.push(Arc::new(hook));
        self
    }

    /// Judges what clients say of themselves in the handshake; an error refuses them with code 400.
    /// Validators run in order of registration, the first error ends it; a repeated handshake is
    /// judged again. The cause is logged, not sent.
    pub fn handshake_validator<F, Fut>(mut self, name: impl Into<String>, validator: F) -> Self
    where
        F: Fn(Session, Arc<HandshakeData>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let validator = move |session, data| {
            Box::pin(validator(session, data)) as BoxFuture<'static, Result<()>>
        };
        self.hooks
            .validators
            .push((name.into(), Arc::new(validator)));
        self
    }

    /// Runs before a session is bound to a user; an error refuses the bind.
    pub fn on_session_bind<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, Uid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let callback =
            move |session, uid| Box::pin(callback(session, uid)) as BoxFuture<'static, Result<()>>;
        self.hooks.bind.push(Arc::new(callback));
        self
    }

    /// Runs after a session was bound to a user; an error undoes the bind.
    pub fn on_after_session_bind<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, Uid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let callback =
            move |session, uid| Box::pin(callback(session, uid)) as BoxFuture<'static, Result<()>>;
        self.hooks.after_bind.push(Arc::new(callback));
        self
    }

    /// Runs when a session has ended, after its last handler and its own callbacks.
    pub fn on_session_close<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback =
            move |session, reason| Box::pin(callback(session, reason)) as BoxFuture<'static, ()>;
        self.hooks.close.push(Arc::new(callback));
        self
    }
}
