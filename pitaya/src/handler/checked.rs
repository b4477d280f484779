//! The steps of a call once more, for types that may turn out not to fit.
//!
//! A wrong argument type or a wrong return type is one mistake and should be one compile error, at
//! the type. Generated code names each type several times, and each time would be an error of its
//! own. So the bound of a type stands in one call only ([`decode`](super::decode), [`replies`] and
//! its kin), and everything else goes through [`Call`]: its own methods exist for types that fit,
//! and for others the compiler finds those of [`CallFallback`], which have no bounds. The fallback
//! never runs: wherever it is chosen, one of the bounds has failed and the program doesn't compile.

use std::future::{Future, pending};
use std::marker::PhantomData;

use super::argument::Nothing;
use super::call::{self, Limit, boxed_or_inline};
use super::{CallFuture, Context, Return, RouteKind};
use crate::client::{self, ServiceClient};
use crate::error::Error;
use crate::message::{Body, TypeInfo};

/// An error that a handler may return: anything that becomes a [`pitaya::Error`](Error).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become a `pitaya::Error`",
    label = "not an error that a handler can answer",
    note = "implement `From<{Self}>` for `pitaya::Error`, or choose what the client sees with `.code(..)` or `.internal()` of `pitaya::ResultExt`"
)]
pub trait ReturnedError: Into<Error> + Send {}

#[diagnostic::do_not_recommend]
impl<E: Into<Error> + Send> ReturnedError for E {}

/// Passes on what `Result<T, E>` methods return.
pub fn replies<T: Body, E: ReturnedError>(returned: Result<T, E>) -> Result<T, E> {
    returned
}

/// Passes on what `Result<Option<T>, E>` methods return.
pub fn may_reply<T: Body, E: ReturnedError>(
    returned: Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    returned
}

/// Passes on what `Result<(), E>` methods return.
pub fn ends<E: ReturnedError>(returned: Result<(), E>) -> Result<(), E> {
    returned
}

/// Passes on what methods return whose types tell nothing by their spelling.
pub fn returns<R: Return>(returned: R) -> R {
    returned
}

/// The calls of a method that takes an `A` and returns an `R`.
pub struct Call<A, R>(PhantomData<fn(A) -> R>);

impl<A: Body, R: Return> Call<A, R> {
    /// Whether the method answers.
    pub const KIND: RouteKind = R::KIND;
    /// What it takes.
    pub const ARGUMENT: Option<TypeInfo> = Some(A::INFO);
    /// What it answers.
    pub const REPLY: Option<TypeInfo> = R::REPLY;
    /// The typed client may answer nothing.
    pub const MAY_NOTIFY: bool = matches!(R::KIND, RouteKind::Notify);
    /// The typed client may wait for an answer.
    pub const MAY_REQUEST: bool = matches!(R::KIND, RouteKind::Request);

    /// Passes a future on when it is `Send`; generated code calls it at the method's name, so that
    /// the compiler points there.
    pub fn must_be_send<F: Future<Output = R> + Send>(future: F) -> F {
        future
    }

    /// Calls a method with an argument.
    pub fn run<'a, F: Future<Output = R> + Send + 'a>(
        ctx: &'a Context<'a>,
        message: Result<A, Error>,
        limit: impl Limit + 'a,
        call: impl FnOnce(A) -> F + Send + 'a,
        check: impl FnOnce(R) -> R + Send + 'a,
    ) -> CallFuture<'a> {
        call::run(ctx, message, limit, call, check)
    }

    /// Calls a method without argument.
    pub fn run_nothing<'a, F: Future<Output = R> + Send + 'a>(
        ctx: &'a Context<'a>,
        limit: impl Limit + 'a,
        call: impl FnOnce() -> F + Send + 'a,
        check: impl FnOnce(R) -> R + Send + 'a,
    ) -> CallFuture<'a> {
        call::run(ctx, Ok(Nothing), limit, |Nothing| call(), check)
    }

    /// Requests the method, for typed clients.
    pub fn request<'a>(
        service: &'a ServiceClient,
        method: &'static str,
        argument: Option<&'a A>,
    ) -> impl Future<Output = Result<R::Reply, client::Error>> + Send + use<'a, A, R> {
        service.request(method, argument)
    }

    /// Notifies the method, for typed clients.
    pub fn notify<'a>(
        service: &'a ServiceClient,
        method: &'static str,
        argument: Option<&'a A>,
    ) -> impl Future<Output = Result<(), client::Error>> + Send + use<'a, A, R> {
        service.notify(method, argument)
    }
}

/// What [`Call`] falls back to for types that don't fit.
pub trait CallFallback<A, R>: Sized {
    /// Any kind: it is never seen.
    const KIND: RouteKind = RouteKind::Notify;
    /// Nothing is known.
    const ARGUMENT: Option<TypeInfo> = None;
    /// Nothing is known.
    const REPLY: Option<TypeInfo> = None;
    /// No second complaint.
    const MAY_NOTIFY: bool = true;
    /// No second complaint.
    const MAY_REQUEST: bool = true;

    /// Passes any future on.
    fn must_be_send<F: Future<Output = R>>(future: F) -> F {
        future
    }

    /// Never runs.
    fn run<'a, F: Future<Output = R>>(
        _: &'a Context<'a>,
        _: Result<A, Error>,
        _: impl Limit,
        _: impl FnOnce(A) -> F,
        _: impl FnOnce(R) -> R,
    ) -> CallFuture<'a> {
        boxed_or_inline(pending())
    }

    /// Never runs.
    fn run_nothing<'a, F: Future<Output = R>>(
        _: &'a Context<'a>,
        _: impl Limit,
        _: impl FnOnce() -> F,
        _: impl FnOnce(R) -> R,
    ) -> CallFuture<'a> {
        boxed_or_inline(pending())
    }

    /// Never runs.
    fn request<T>(
        _: &ServiceClient,
        _: &'static str,
        _: Option<&A>,
    ) -> impl Future<Output = Result<T, client::Error>> + Send {
        pending()
    }

    /// Never runs.
    fn notify(
        _: &ServiceClient,
        _: &'static str,
        _: Option<&A>,
    ) -> impl Future<Output = Result<(), client::Error>> + Send {
        pending()
    }
}

impl<A, R> CallFallback<A, R> for Call<A, R> {}

/// What a method returned, to be awaited: `Send` by its own methods, or, when it isn't, by those of
/// [`RunningFallback`], because that was reported at the method's name.
pub struct Running<F>(pub F);

impl<F: Future + Send> Running<F> {
    /// The future itself.
    pub fn run(self) -> impl Future<Output = F::Output> + Send {
        self.0
    }
}

/// What [`Running`] falls back to.
pub trait RunningFallback<T>: Sized {
    /// Never runs.
    fn run(self) -> impl Future<Output = T> + Send {
        pending()
    }
}

impl<F: Future> RunningFallback<F::Output> for Running<F> {}
