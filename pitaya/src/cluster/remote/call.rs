//! The steps of one call of a remote, as generated code takes them.

use std::future::{Future, ready};

use bytes::Bytes;
use futures_util::FutureExt;

use super::{RemoteBody, RemoteFuture, RemoteReturn, RpcContext};
use crate::error::{Error, codes};
use crate::handler::Limit;
use crate::message::{Body, Serializer};

/// Decodes the argument: `PIT-400` with the decoder's text if that fails.
pub fn decode<T: RemoteBody>(_ctx: &RpcContext<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(&Serializer::Protobuf, body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Serves a call: the method, then its reply.
pub(super) fn run<'a, A, R: RemoteReturn, F: Future<Output = R> + Send + 'a>(
    _ctx: &'a RpcContext<'a>,
    message: Result<A, Error>,
    limit: impl Limit + 'a,
    call: impl FnOnce(A) -> F + Send + 'a,
    check: impl FnOnce(R) -> R + Send + 'a,
) -> RemoteFuture<'a> {
    let message = match message {
        Ok(message) => message,
        Err(error) => return RemoteFuture::from_or_box(ready(Err(error))),
    };
    let call = limit.apply(call(message));
    RemoteFuture::from_or_box(call.map(move |returned| finish(returned.map(check))))
}

/// Encodes the reply.
fn finish<R: RemoteReturn>(returned: Result<R, Error>) -> Result<Bytes, Error> {
    let reply = returned.and_then(R::into_reply)?;
    let mut out = Vec::new();
    reply
        .encode(&Serializer::Protobuf, &mut out)
        .map_err(|error| Error::msg(error.0))?;
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
