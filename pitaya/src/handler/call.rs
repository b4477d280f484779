//! The steps of one call, as generated code takes them.

use std::future::{Future, Ready, ready};
use std::time::Duration;

use futures_util::future::Either;

use super::hooks::{BoxFuture, HookReply};
use super::{CallFuture, Context, Return};
use crate::error::{Error, codes};
use crate::message::{AnyMessage, Body};

/// Decodes the argument: `PIT-400` with the serializer's text if that fails.
pub fn decode<T: Body>(ctx: &Context<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(ctx.serializer(), body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Validates the argument and runs the before-hooks on it.
pub async fn before<T: Body>(ctx: &Context<'_>, message: &mut T) -> Result<(), Error> {
    if ctx.validates() {
        message.validate()?;
    }
    for hook in ctx.before_hooks() {
        hook.before(ctx, Some(message)).await?;
    }
    Ok(())
}

/// Runs the before-hooks of a method without argument.
pub async fn before_nothing(ctx: &Context<'_>) -> Result<(), Error> {
    for hook in ctx.before_hooks() {
        hook.before(ctx, None).await?;
    }
    Ok(())
}

/// Runs the after-hooks and sends the reply, or the error of a call that was ended.
///
/// Without hooks it is done when it returns: its future holds no reply, which would otherwise count
/// against the room that a call has.
pub fn finish<'a, R: Return>(
    ctx: &'a Context<'_>,
    returned: Result<R, Error>,
) -> Either<Ready<Result<(), Error>>, BoxFuture<'a, Result<(), Error>>> {
    let reply = returned.and_then(R::into_reply);
    if !ctx.after_hooks().is_empty() {
        return Either::Right(Box::pin(finish_hooked(ctx, reply)));
    }
    let sent = reply.and_then(|reply| reply.map_or(Ok(()), |reply| ctx.reply(&reply)));
    Either::Left(ready(sent))
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
