//! The steps of one call, as generated code takes them.

use std::future::{Future, ready};
use std::time::Duration;

use futures_util::FutureExt;

use super::argument::Argument;
use super::hooks::{Answer, Hooked, run_after, run_before};
use super::{CallFuture, Context, Return};
use crate::error::{Error, codes};
use crate::isolate::isolated_now;
use crate::message::Body;

/// Decodes the argument: `PIT-400` with the serializer's text if that fails.
#[inline]
pub fn decode<T: Body>(ctx: &Context<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(ctx.serializer(), body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Calls a method: validation, before-hooks, the method, after-hooks, the reply.
///
/// Where there are no hooks the method's own future is the whole call: held once, it counts once
/// against the room that a call has.
pub(super) fn run<'a, A: Argument + 'a, R: Return, F: Future<Output = R> + Send + 'a>(
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
    if A::CHECKED && ctx.validates() {
        match isolated_now(ctx.app(), "validation", || message.check()) {
            Ok(Ok(())) => {}
            Ok(Err(invalid)) => return failed(invalid.into()),
            Err(panicked) => return failed(panicked),
        }
    }
    if ctx.hooks().is_empty() {
        let call = limit.apply(call(message));
        return boxed_or_inline(call.map(move |returned| send(ctx, returned.map(check))));
    }
    boxed_or_inline(async move {
        run_before(ctx, message.as_message()).await?;
        let returned = limit.apply(call(message)).await;
        finish(ctx, returned.map(check)).await
    })
}

fn failed<'a>(error: Error) -> CallFuture<'a> {
    boxed_or_inline(ready(Err(error)))
}

/// Sends the reply, or gives back the error.
fn send<R: Return>(ctx: &Context<'_>, returned: Result<R, Error>) -> Result<(), Error> {
    match returned.and_then(R::into_reply)? {
        Some(reply) => encode(ctx, || ctx.reply(&reply)),
        None => Ok(()),
    }
}

/// Encoding may be the application's code. It runs when hooks have run, so that its panic is not
/// for them to see.
fn encode(ctx: &Context<'_>, reply: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    isolated_now(ctx.app(), "encode", reply)?
}

/// Shows a call that panicked to the after-hooks, which may answer something else.
pub(crate) async fn finish_panicked(ctx: &Context<'_>, error: Error) -> Result<(), Error> {
    finish::<Result<bytes::Bytes, Error>>(ctx, Err(error)).await
}

/// Runs the after-hooks and sends the reply, or the error of a call that was ended.
async fn finish<R: Return>(ctx: &Context<'_>, returned: Result<R, Error>) -> Result<(), Error> {
    match run_after(ctx, returned.and_then(R::into_reply)).await? {
        Some(Answer::Own(reply)) => encode(ctx, || ctx.reply(&reply)),
        Some(Answer::Replaced(reply)) => encode(ctx, || ctx.reply_any(&*reply)),
        None => Ok(()),
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
