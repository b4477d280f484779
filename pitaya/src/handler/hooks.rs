//! Pipelines: what runs before and after every handler of an app, and how it is run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Context;
use crate::app::AppHandle;
use crate::error::{Error, Result};
use crate::isolate::isolated;
use crate::message::{AnyMessage, Message};

/// A boxed future, for the traits that applications implement.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The two traits of the hooks around calls of one kind, and how such a call runs them.
macro_rules! hooks {
    (
        around $Context:ident, kept in $place:ident;
        $(#[$before_docs:meta])*
        before $Before:ident;
        $(#[$after_docs:meta])*
        after $After:ident;
    ) => {
        $(#[$before_docs])*
        pub trait $Before: Send + Sync + 'static {
            /// `message` is `None` for methods without argument.
            fn before<'a>(
                &'a self,
                ctx: &'a $Context<'a>,
                message: Option<&'a mut dyn AnyMessage>,
            ) -> BoxFuture<'a, Result<()>>;
        }

        $(#[$after_docs])*
        pub trait $After: Send + Sync + 'static {
            /// Looks at, changes or replaces what the method returned.
            fn after<'a>(
                &'a self,
                ctx: &'a $Context<'a>,
                reply: &'a mut HookReply<'_>,
            ) -> BoxFuture<'a, ()>;
        }

        impl<F> $Before for F
        where
            F: for<'a> Fn(
                    &'a $Context<'a>,
                    Option<&'a mut dyn AnyMessage>,
                ) -> BoxFuture<'a, Result<()>>
                + Send
                + Sync
                + 'static,
        {
            fn before<'a>(
                &'a self,
                ctx: &'a $Context<'a>,
                message: Option<&'a mut dyn AnyMessage>,
            ) -> BoxFuture<'a, Result<()>> {
                self(ctx, message)
            }
        }

        impl<F> $After for F
        where
            F: for<'a, 'r> Fn(&'a $Context<'a>, &'a mut HookReply<'r>) -> BoxFuture<'a, ()>
                + Send
                + Sync
                + 'static,
        {
            fn after<'a>(
                &'a self,
                ctx: &'a $Context<'a>,
                reply: &'a mut HookReply<'_>,
            ) -> BoxFuture<'a, ()> {
                self(ctx, reply)
            }
        }

        impl Hooked for $Context<'_> {
            type Before = dyn $Before;
            type After = dyn $After;

            fn app(&self) -> &AppHandle {
                $Context::app(self)
            }

            fn hooks(&self) -> &Around<dyn $Before, dyn $After> {
                &$Context::app(self).hooks().$place
            }

            fn run_before<'a>(
                &'a self,
                hook: &'a dyn $Before,
                message: Option<&'a mut dyn AnyMessage>,
            ) -> BoxFuture<'a, Result<()>> {
                hook.before(self, message)
            }

            fn run_after<'a>(
                &'a self,
                hook: &'a dyn $After,
                reply: &'a mut HookReply<'_>,
            ) -> BoxFuture<'a, ()> {
                hook.after(self, reply)
            }
        }
    };
}
pub(crate) use hooks;

hooks! {
    around Context, kept in handlers;

    /// Runs before every handler, after the payload was decoded, in order of registration.
    ///
    /// It may change the payload in place (`message.downcast_mut::<Join>()`), leave values for later
    /// hooks and the handler in the context ([`Context::insert`]), or answer with an error: then
    /// neither later hooks, nor the handler, nor after-hooks run.
    before BeforeHook;

    /// Runs after every handler that was called, in order of registration, before the reply is
    /// encoded. All of them run, also after an error, which they may replace or clear.
    after AfterHook;
}

/// What a method returned, on its way through the after-hooks.
pub struct HookReply<'r> {
    value: Option<&'r mut dyn AnyMessage>,
    replacement: Option<Box<dyn AnyMessage>>,
    error: Option<Error>,
}

impl HookReply<'_> {
    /// The reply, if there is one: a notify and a failed call have none.
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

    /// The error, if the method or an earlier hook failed.
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

/// The hooks around calls of one kind, in order of registration.
pub(crate) struct Around<B: ?Sized, A: ?Sized> {
    pub(crate) before: Vec<Arc<B>>,
    pub(crate) after: Vec<Arc<A>>,
}

impl<B: ?Sized, A: ?Sized> Around<B, A> {
    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

impl<B: ?Sized, A: ?Sized> Default for Around<B, A> {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

/// The circumstances of a call that hooks run around.
pub(crate) trait Hooked: Sync {
    type Before: ?Sized + Send + Sync;
    type After: ?Sized + Send + Sync;

    fn app(&self) -> &AppHandle;

    fn hooks(&self) -> &Around<Self::Before, Self::After>;

    fn run_before<'a>(
        &'a self,
        hook: &'a Self::Before,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>>;

    fn run_after<'a>(
        &'a self,
        hook: &'a Self::After,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()>;
}

/// Runs the before-hooks; the first error ends it.
pub(crate) async fn run_before<C: Hooked>(
    ctx: &C,
    mut message: Option<&mut dyn AnyMessage>,
) -> Result<()> {
    for hook in &ctx.hooks().before {
        let message = message
            .as_mut()
            .map(|message| &mut **message as &mut dyn AnyMessage);
        isolated(ctx.app(), "before_hook", async {
            ctx.run_before(hook, message).await
        })
        .await?;
    }
    Ok(())
}

/// What is answered when all after-hooks have run.
pub(crate) enum Answer<T> {
    /// The method's own reply, perhaps changed.
    Own(T),
    /// A hook's instead.
    Replaced(Box<dyn AnyMessage>),
}

/// Runs all after-hooks, also after one that panicked, which is an error like any other.
pub(crate) async fn run_after<C: Hooked, T: AnyMessage>(
    ctx: &C,
    returned: Result<Option<T>>,
) -> Result<Option<Answer<T>>> {
    let (mut value, error) = match returned {
        Ok(value) => (value, None),
        Err(error) => (None, Some(error)),
    };
    let mut reply = HookReply {
        value: value.as_mut().map(|value| value as &mut dyn AnyMessage),
        replacement: None,
        error,
    };
    for hook in &ctx.hooks().after {
        let run = async {
            ctx.run_after(hook, &mut reply).await;
            Ok(())
        };
        if let Err(error) = isolated(ctx.app(), "after_hook", run).await {
            reply.fail(error);
        }
    }
    let HookReply {
        replacement, error, ..
    } = reply;
    match (error, replacement) {
        (Some(error), _) => Err(error),
        (None, Some(replacement)) => Ok(Some(Answer::Replaced(replacement))),
        (None, None) => Ok(value.map(Answer::Own)),
    }
}
