//! The steps of one call, as generated code takes them.

use std::future::{Future, ready};
use std::time::Duration;

use futures_util::FutureExt;

use super::hooks::HookReply;
use super::{CallFuture, Context, Return};
use crate::error::{Error, codes};
use crate::message::{AnyMessage, Body};

/// Decodes the argument: `PIT-400` with the serializer's text if that fails.
pub fn decode<T: Body>(ctx: &Context<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(ctx.serializer(), body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Calls a method with an argument: validation, before-hooks, the method, after-hooks, the reply.
///
/// Where there are no hooks the method's own future is the whole call: held once, it counts once
/// against the room that a call has.
pub(super) fn run<'a, A: Body, R: Return, F: Future<Output = R> + Send + 'a>(
    ctx: &'a Context<'a>,
    message: Result<A, Error>,
    limit: impl Limit + 'a,
    call: impl FnOnce(A) -> F + Send + 'a,
    check: impl FnOnce(R) -> R + Send + 'a,
) -> CallFuture<'a> {
    let mut message = match message {
        Ok(message) => message,
        Err(error) => return failed(error),
    };
    if ctx.validates()
        && let Err(invalid) = message.validate()
    {
        return failed(invalid.into());
    }
    if !is_hooked(ctx) {
        let call = limit.apply(call(message));
        return boxed_or_inline(call.map(move |returned| send(ctx, returned.map(check))));
    }
    boxed_or_inline(async move {
        for hook in ctx.before_hooks() {
            hook.before(ctx, Some(&mut message)).await?;
        }
        let returned = limit.apply(call(message)).await;
        finish(ctx, returned.map(check)).await
    })
}

/// Calls a method without argument.
pub(super) fn run_nothing<'a, R: Return, F: Future<Output = R> + Send + 'a>(
    ctx: &'a Context<'a>,
    limit: impl Limit + 'a,
    call: impl FnOnce() -> F + Send + 'a,
    check: impl FnOnce(R) -> R + Send + 'a,
) -> CallFuture<'a> {
    if !is_hooked(ctx) {
        let call = limit.apply(call());
        return boxed_or_inline(call.map(move |returned| send(ctx, returned.map(check))));
    }
    boxed_or_inline(async move {
        for hook in ctx.before_hooks() {
            hook.before(ctx, None).await?;
        }
        let returned = limit.apply(call()).await;
        finish(ctx, returned.map(check)).await
    })
}

fn is_hooked(ctx: &Context<'_>) -> bool {
    !ctx.before_hooks().is_empty() || !ctx.after_hooks().is_empty()
}

fn failed<'a>(error: Error) -> CallFuture<'a> {
    boxed_or_inline(ready(Err(error)))
}

/// Sends the reply, or gives back the error.
fn send<R: Return>(ctx: &Context<'_>, returned: Result<R, Error>) -> Result<(), Error> {
    match returned.and_then(R::into_reply)? {
        Some(reply) => ctx.reply(&reply),
        None => Ok(()),
    }
}

/// Runs the after-hooks and sends the reply, or the error of a call that was ended.
async fn finish<R: Return>(ctx: &Context<'_>, returned: Result<R, Error>) -> Result<(), Error> {
    let (mut value, error) = match returned.and_then(R::into_reply) {
        Ok(value) => (value, None),
        Err(error) => (None, Some(error)),
    };
    let mut hooked = HookReply {
        value: value.as_mut().map(|value| value as &mut dyn AnyMessage),
        replacement: None,
        error,
    };
    for hook in ctx.after_hooks() {
        hook.after(ctx, &mut hooked).await;
    }
    let HookReply {
        replacement, error, ..
    } = hooked;
    match (error, replacement, &value) {
        (Some(error), ..) => Err(error),
        (None, Some(replacement), _) => ctx.reply_any(&*replacement),
        (None, None, Some(value)) => ctx.reply(value),
        (None, None, None) => Ok(()),
    }
}

/// How long a call may take.
pub trait Limit: Send {
    /// The call, ended when it takes longer.
    fn apply<F: Future + Send>(
        self,
        call: F,
    ) -> impl Future<Output = Result<F::Output, Error>> + Send;
}

/// As long as it takes.
pub struct Unlimited;

impl Limit for Unlimited {
    fn apply<F: Future + Send>(
        self,
        call: F,
    ) -> impl Future<Output = Result<F::Output, Error>> + Send {
        call.map(Ok)
    }
}

/// At most this long, `#[route(timeout = "..")]`; `PIT-504` is the answer to one that takes longer.
pub struct Within(pub Duration);

impl Limit for Within {
    fn apply<F: Future + Send>(
        self,
        call: F,
    ) -> impl Future<Output = Result<F::Output, Error>> + Send {
        let Self(limit) = self;
        tokio::time::timeout(limit, call).map(move |ended| {
            ended.map_err(|_| {
                Error::new(codes::TIMEOUT, "request timeout")
                    .with_metadata("timeout", format!("{limit:?}"))
            })
        })
    }
}

/// Puts a call's future in its place: inline when it is small, boxed when not.
pub fn boxed_or_inline<'a>(
    future: impl Future<Output = Result<(), Error>> + Send + 'a,
) -> CallFuture<'a> {
    CallFuture::from_or_box(future)
}

/// What dispatch answers to an index that the service doesn't have: a mistake of the runtime.
pub fn no_such_method<'a>(service: &'static str, index: u16) -> CallFuture<'a> {
    boxed_or_inline(async move {
        Err(Error::internal(format!(
            "service `{service}` has no method {index}"
        )))
    })
}
