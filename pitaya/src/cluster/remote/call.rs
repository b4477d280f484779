//! The steps of one call of a remote, as generated code takes them.

use bytes::Bytes;

use super::{RemoteBody, RemoteFuture, RpcContext};
use crate::error::{Error, codes};
use crate::message::Serializer;

/// Decodes the argument: `PIT-400` with the decoder's text if that fails.
pub fn decode<T: RemoteBody>(_ctx: &RpcContext<'_>, body: &[u8]) -> Result<T, Error> {
    T::decode(&Serializer::Protobuf, body).map_err(|error| Error::new(codes::BAD_REQUEST, error.0))
}

/// Encodes the reply.
pub fn finish<T: RemoteBody, E: Into<Error>>(
    _ctx: &RpcContext<'_>,
    returned: Result<T, E>,
) -> Result<Bytes, Error> {
    let reply = returned.map_err(Into::into)?;
    let mut out = Vec::new();
    reply.encode(&Serializer::Protobuf, &mut out).map_err(|error| Error::msg(error.0))?;
    Ok(out.into())
}

/// What dispatch answers to an index that the service doesn't have: a mistake of the runtime.
pub fn no_such_remote<'a>(service: &'static str, index: u16) -> RemoteFuture<'a> {
    RemoteFuture::from(async move {
        Err(Error::internal(format!("remote service `{service}` has no method {index}")))
    })
}
