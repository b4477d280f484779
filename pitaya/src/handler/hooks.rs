//! Pipelines: what runs before and after every handler of an app.

use std::future::Future;
use std::pin::Pin;

use super::Context;
use crate::error::{Error, Result};
use crate::message::{AnyMessage, Message};

/// A boxed future, for the traits that applications implement.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs before every handler, after the payload was decoded, in order of registration.
///
/// It may change the payload in place (`message.downcast_mut::<Join>()`), leave values for later
/// hooks and the handler in the context ([`Context::insert`]), or answer with an error: then neither
/// later hooks, nor the handler, nor after-hooks run.
pub trait BeforeHook: Send + Sync + 'static {
    /// `message` is `None` for handlers without argument.
    fn before<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>>;
}

/// Runs after every handler that was called, in order of registration, before the reply is encoded.
/// All of them run, also after an error, which they may replace or clear.
pub trait AfterHook: Send + Sync + 'static {
    /// Looks at, changes or replaces what the handler returned.
    fn after<'a>(&'a self, ctx: &'a Context<'a>, reply: &'a mut HookReply<'_>)
    -> BoxFuture<'a, ()>;
}

impl<F> BeforeHook for F
where
    F: for<'a> Fn(&'a Context<'a>, Option<&'a mut dyn AnyMessage>) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
{
    fn before<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        self(ctx, message)
    }
}

impl<F> AfterHook for F
where
    F: for<'a, 'r> Fn(&'a Context<'a>, &'a mut HookReply<'r>) -> BoxFuture<'a, ()>
        + Send
        + Sync
        + 'static,
{
    fn after<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()> {
        self(ctx, reply)
    }
}

/// What a handler returned, on its way through the after-hooks.
pub struct HookReply<'r> {
    pub(crate) value: Option<&'r mut dyn AnyMessage>,
    pub(crate) replacement: Option<Box<dyn AnyMessage>>,
    pub(crate) error: Option<Error>,
}

impl HookReply<'_> {
    /// The reply, if there is one: a notify and a failed request have none.
    pub fn value(&mut self) -> Option<&mut dyn AnyMessage> {
        if self.error.is_some() {
            return None;
        }
        match (&mut self.replacement, &mut self.value) {
            (Some(replacement), _) => Some(&mut **replacement),
            (None, Some(value)) => Some(&mut **value),
            (None, None) => None,
        }
    }

    /// The error, if the handler or an earlier hook failed.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Answers with this instead; clears an error.
    pub fn replace(&mut self, reply: impl Message) {
        self.error = None;
        self.replacement = Some(Box::new(reply));
    }

    /// Answers with this error instead.
    pub fn fail(&mut self, error: impl Into<Error>) {
        self.error = Some(error.into());
    }
}
