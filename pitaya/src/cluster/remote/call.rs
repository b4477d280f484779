//! The steps of one call of a remote, as generated code takes them.

use std::future::{Future, ready};

use bytes::Bytes;
use futures_util::FutureExt;

use super::{RemoteBody, RemoteFuture, RemoteReturn, RpcContext};
use crate::error::{Error, codes};
use crate::handler::{Answer, Argument, Hooked, Limit, run_after, run_before};
use crate::isolate::isolated;
use crate::message::{Body, CodecError, Serializer};

/// Decodes the argument: `PIT-400` with the decoder's text if that fails.
pub fn decode<T: RemoteBody>(_ctx: &RpcContext<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(&Serializer::Protobuf, body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Serves a call: before-hooks, the method, after-hooks, the reply.
pub(super) fn run<'a, A: Argument + 'a, R: RemoteReturn, F: Future<Output = R> + Send + 'a>(
    ctx: &'a RpcContext<'a>,
    message: Result<A, Error>,
    limit: impl Limit + 'a,
    call: impl FnOnce(A) -> F + Send + 'a,
    check: impl FnOnce(R) -> R + Send + 'a,
) -> RemoteFuture<'a> {
    let mut message = match message {
        Ok(message) => message,
        Err(error) => return RemoteFuture::from_or_box(ready(Err(error))),
    };
    if ctx.hooks().is_empty() {
        let call = limit.apply(call(message));
        return RemoteFuture::from_or_box(call.map(move |returned| {
            let reply = returned.map(check).and_then(R::into_reply)?;
            encoded(|out| reply.encode(&Serializer::Protobuf, out))
        }));
    }
    RemoteFuture::from_or_box(async move {
        run_before(ctx, message.as_message())
            .await
            .map_err(Error::or_internal)?;
        // After-hooks see a panic as the error that the caller would be told.
        let call = async { limit.apply(call(message)).await };
        let returned = isolated(ctx.app(), "remote", call).await.map(check);
        match run_after(ctx, returned.and_then(R::into_reply).map(Some)).await? {
            Some(Answer::Own(reply)) => encoded(|out| reply.encode(&Serializer::Protobuf, out)),
            Some(Answer::Replaced(reply)) => encoded(|out| reply.encode_protobuf(out)),
            None => Err(Error::msg("reply must not be null")),
        }
    })
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>) -> Result<Bytes, Error> {
    let mut out = Vec::new();
    encode(&mut out).map_err(|error| Error::msg(error.0))?;
    Ok(out.into())
}

/// What dispatch answers to an index that the service doesn't have: a mistake of the runtime.
pub fn no_such_method<'a>(service: &'static str, index: u16) -> RemoteFuture<'a> {
    RemoteFuture::from_or_box(async move {
        Err(Error::internal(format!(
            "remote service `{service}` has no method {index}"
        )))
    })
}
