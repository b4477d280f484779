//! The steps of a call once more, for types that may turn out not to fit.
//!
//! As with handlers, a wrong type is one mistake and should be one compile error, at the type: its
//! bound stands in one call only ([`decode`](super::decode), [`replies`] or [`returns`]), everything
//! else goes through [`RemoteCall`], and for types that don't fit the compiler finds the methods of
//! [`RemoteCallFallback`] instead. The fallbacks never run: such a program doesn't compile.

use std::future::{Future, pending};
use std::marker::PhantomData;

use super::call;
use super::{Caller, RemoteBody, RemoteClient, RemoteFuture, RpcContext};
use crate::error::Error;
use crate::handler::{Limit, Nothing, ReturnedError};
use crate::message::{Body, TypeInfo};

/// What a remote returns: `Result<T, E>`, where `T` is a message or raw bytes and
/// `E: Into<pitaya::Error>`.
#[diagnostic::on_unimplemented(
    message = "a remote cannot return `{Self}`",
    label = "not something a remote can answer",
    note = "return `Result<T>` with a `#[pitaya::message]` type or `Bytes`"
)]
pub trait RemoteReturn: Send {
    /// What is known of the type it answers.
    const REPLY: TypeInfo;
    /// The type it answers.
    type Reply: RemoteBody;

    /// The reply, or the error.
    fn into_reply(self) -> Result<Self::Reply, Error>;
}

#[diagnostic::do_not_recommend]
impl<T: RemoteBody, E: Into<Error> + Send> RemoteReturn for Result<T, E> {
    const REPLY: TypeInfo = T::INFO;
    type Reply = T;

    fn into_reply(self) -> Result<T, Error> {
        self.map_err(Into::into)
    }
}

/// What a remote returns, when it can also be the result of a call over the cluster.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold the error of a call that failed on its way",
    label = "the service behind this client cannot answer",
    note = "return `pitaya::Result<T>`, or implement `From<pitaya::Error>` for the method's error type"
)]
pub trait FromCall: RemoteReturn {
    /// The result of a call, as the method returns it.
    fn from_call(result: Result<Self::Reply, Error>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: RemoteBody, E: From<Error> + Into<Error> + Send> FromCall for Result<T, E> {
    fn from_call(result: Result<T, Error>) -> Self {
        result.map_err(Into::into)
    }
}

/// Passes on what `Result<T, E>` methods return.
pub fn replies<T: RemoteBody, E: ReturnedError>(returned: Result<T, E>) -> Result<T, E> {
    returned
}

/// Passes on what methods return whose types tell nothing by their spelling.
pub fn returns<R: RemoteReturn>(returned: R) -> R {
    returned
}

/// The calls of a remote that takes an `A` and returns an `R`.
pub struct RemoteCall<A, R>(PhantomData<fn(A) -> R>);

impl<A: RemoteBody, R: RemoteReturn> RemoteCall<A, R> {
    /// What it takes.
    pub const ARGUMENT: Option<TypeInfo> = Some(A::INFO);
    /// What it answers.
    pub const REPLY: TypeInfo = R::REPLY;
    /// The argument can travel: not everything has a protobuf form.
    pub const TAKES_PROTOBUF: bool = A::INFO.formats.protobuf;
    /// The reply can travel.
    pub const ANSWERS_PROTOBUF: bool = R::REPLY.formats.protobuf;

    /// Passes a future on when it is `Send`; generated code calls it at the method's name, so that
    /// the compiler points there.
    pub fn must_be_send<F: Future<Output = R> + Send>(future: F) -> F {
        future
    }

    /// Serves a call with an argument.
    pub fn run<'a, F: Future<Output = R> + Send + 'a>(
        ctx: &'a RpcContext<'a>,
        message: Result<A, Error>,
        limit: impl Limit + 'a,
        call: impl FnOnce(A) -> F + Send + 'a,
        check: impl FnOnce(R) -> R + Send + 'a,
    ) -> RemoteFuture<'a> {
        call::run(ctx, message, limit, call, check)
    }

    /// Serves a call without argument; whatever came is not looked at.
    pub fn run_nothing<'a, F: Future<Output = R> + Send + 'a>(
        ctx: &'a RpcContext<'a>,
        limit: impl Limit + 'a,
        call: impl FnOnce() -> F + Send + 'a,
        check: impl FnOnce(R) -> R + Send + 'a,
    ) -> RemoteFuture<'a> {
        call::run(ctx, Ok(Nothing), limit, |Nothing| call(), check)
    }

    /// Calls the remote, for typed clients.
    pub fn call<'a>(
        client: &'a RemoteClient<'a>,
        method: &'static str,
        argument: Option<&'a A>,
    ) -> impl Future<Output = Result<R::Reply, Error>> + Send + use<'a, A, R> {
        client.call(method, argument)
    }
}

impl<A: RemoteBody, R: FromCall> RemoteCall<A, R> {
    /// Calls the remote where its trait is expected.
    pub async fn forward(
        client: &RemoteClient<'_>,
        method: &'static str,
        argument: Option<&A>,
    ) -> R {
        R::from_call(client.call(method, argument).await)
    }
}

/// What [`RemoteCall`] falls back to for types that don't fit.
pub trait RemoteCallFallback<A, R>: Sized {
    /// Nothing is known.
    const ARGUMENT: Option<TypeInfo> = None;
    /// Nothing is known.
    const REPLY: TypeInfo = <Vec<u8> as Body>::INFO;
    /// No second complaint.
    const TAKES_PROTOBUF: bool = true;
    /// No second complaint.
    const ANSWERS_PROTOBUF: bool = true;

    /// Passes any future on.
    fn must_be_send<F: Future<Output = R>>(future: F) -> F {
        future
    }

    /// Never runs.
    fn run<'a, F: Future<Output = R>>(
        _: &'a RpcContext<'a>,
        _: Result<A, Error>,
        _: impl Limit,
        _: impl FnOnce(A) -> F,
        _: impl FnOnce(R) -> R,
    ) -> RemoteFuture<'a> {
        RemoteFuture::from_or_box(pending())
    }

    /// Never runs.
    fn run_nothing<'a, F: Future<Output = R>>(
        _: &'a RpcContext<'a>,
        _: impl Limit,
        _: impl FnOnce() -> F,
        _: impl FnOnce(R) -> R,
    ) -> RemoteFuture<'a> {
        RemoteFuture::from_or_box(pending())
    }

    /// Never runs.
    fn call<T>(
        _: &RemoteClient<'_>,
        _: &'static str,
        _: Option<&A>,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        pending()
    }

    /// Never runs.
    fn forward(
        _: &RemoteClient<'_>,
        _: &'static str,
        _: Option<&A>,
    ) -> impl Future<Output = R> + Send {
        pending()
    }
}

impl<A, R> RemoteCallFallback<A, R> for RemoteCall<A, R> {}

/// On whose behalf a client calls where its trait is expected: of the context that the method was
/// given, or, when that is none, which was reported at its parameter, see [`ViaFallback`].
pub struct Via<'a, C>(pub &'a C);

impl<C: Caller> Via<'_, C> {
    /// The client, calling for the context.
    pub fn client(&self, client: &RemoteClient<'_>) -> RemoteClient<'_> {
        client.on_behalf_of(self.0)
    }
}

/// What [`Via`] falls back to.
pub trait ViaFallback {
    /// Never runs.
    fn client<'c>(&self, client: &RemoteClient<'c>) -> RemoteClient<'c> {
        client.clone()
    }
}

impl<C> ViaFallback for Via<'_, C> {}
