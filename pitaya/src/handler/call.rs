//! The steps of one call, as generated code takes them.

use std::future::Future;
use std::time::Duration;

use super::hooks::HookReply;
use super::{CallFuture, Context, Return};
use crate::error::{Error, codes};
use crate::isolate::{isolated, isolated_now};
use crate::message::{AnyMessage, Body};

/// Decodes the argument: `PIT-400` with the serializer's text if that fails.
pub fn decode<T: Body>(ctx: &Context<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(ctx.serializer(), body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Validates the argument and runs the before-hooks on it.
pub async fn before<T: Body>(ctx: &Context<'_>, message: &mut T) -> Result<(), Error> {
    if ctx.validates() {
        isolated_now(ctx.app(), "validation", || message.validate())??;
    }
    if ctx.before_hooks().is_empty() {
        return Ok(());
    }
    Box::pin(run_before_hooks(ctx, Some(message))).await
}

/// Runs the before-hooks of a method without argument.
pub async fn before_nothing(ctx: &Context<'_>) -> Result<(), Error> {
    if ctx.before_hooks().is_empty() {
        return Ok(());
    }
    Box::pin(run_before_hooks(ctx, None)).await
}

/// Apart, and behind a pointer, so that calls without hooks have no room for it in their future.
async fn run_before_hooks(
    ctx: &Context<'_>,
    mut message: Option<&mut dyn AnyMessage>,
) -> Result<(), Error> {
    for hook in ctx.before_hooks() {
        let message = message.as_mut().map(|message| &mut **message as &mut dyn AnyMessage);
        isolated(ctx.app(), "before_hook", async { hook.before(ctx, message).await }).await?;
    }
    Ok(())
}

/// Runs the after-hooks and sends the reply, or the error of a call that was ended.
pub async fn finish<R: Return>(
    ctx: &Context<'_>,
    returned: Result<R, Error>,
) -> Result<(), Error> {
    let reply = returned.and_then(R::into_reply);
    if ctx.after_hooks().is_empty() {
        return match reply? {
            Some(reply) => send(ctx, || ctx.reply(&reply)),
            None => Ok(()),
        };
    }
    Box::pin(finish_hooked(ctx, reply)).await
}

async fn finish_hooked<T: Body>(
    ctx: &Context<'_>,
    reply: Result<Option<T>, Error>,
) -> Result<(), Error> {
    let (mut value, error) = match reply {
        Ok(value) => (value, None),
        Err(error) => (None, Some(error)),
    };
    let mut hooked = HookReply {
        value: value.as_mut().map(|value| value as &mut dyn AnyMessage),
        replacement: None,
        error,
    };
    run_after_hooks(ctx, &mut hooked).await;
    let HookReply {
        replacement, error, ..
    } = hooked;
    match (error, replacement, &value) {
        (Some(error), ..) => Err(error),
        (None, Some(replacement), _) => send(ctx, || ctx.reply_any(&*replacement)),
        (None, None, Some(value)) => send(ctx, || ctx.reply(value)),
        (None, None, None) => Ok(()),
    }
}

/// Encoding may be the application's code, and runs when its hooks have run.
fn send(ctx: &Context<'_>, reply: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    isolated_now(ctx.app(), "encode", reply)?
}

/// All of them, also after one that panicked, which is an error like any other.
async fn run_after_hooks(ctx: &Context<'_>, reply: &mut HookReply<'_>) {
    for hook in ctx.after_hooks() {
        let run = async {
            hook.after(ctx, reply).await;
            Ok(())
        };
        if let Err(error) = isolated(ctx.app(), "after_hook", run).await {
            reply.fail(error);
        }
    }
}

/// Shows a call that panicked to the after-hooks, which may answer something else.
pub(crate) async fn finish_panicked(ctx: &Context<'_>, error: Error) -> Result<(), Error> {
    finish_hooked::<bytes::Bytes>(ctx, Err(error)).await
}

/// Ends a call that takes longer than `limit`: `PIT-504`.
pub async fn with_timeout<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(codes::TIMEOUT, "request timeout")
            .with_metadata("timeout", format!("{limit:?}"))),
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
        Err(Error::internal(format!("service `{service}` has no method {index}")))
    })
}
