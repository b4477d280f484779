//! The steps of a call once more, for types that may turn out not to fit.
//!
//! A wrong argument type, a wrong return type or a service that cannot be shared between threads is
//! one mistake and should be one compile error, at the type. Generated code names each type several
//! times, and each time would be an error of its own. So the bound of each type stands in one call
//! only ([`decode`](super::decode), [`finish`](super::finish), [`Dispatch`]), and everything else
//! goes through [`Call`]: its own methods exist for types that fit, and for others the compiler
//! finds those of [`CallFallback`], which have no bounds. The fallback never runs: wherever it is
//! chosen, one of the bounds has failed and the program doesn't compile.

use std::future::{Future, pending};
use std::marker::PhantomData;

use super::{CallFuture, Context, Dispatch, Return, RouteKind, boxed_or_inline};
use crate::error::Error;
use crate::message::{Body, TypeInfo};

/// The calls of a method of `S` that takes an `A` and returns an `R`.
pub struct Call<S, A, R>(PhantomData<fn(S, A) -> R>);

impl<S: Dispatch, A: Body, R: Return> Call<S, A, R> {
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

    /// Validates the argument and runs the before-hooks on it.
    pub fn before<'a>(
        ctx: &'a Context<'_>,
        message: &'a mut A,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'a {
        super::call::before(ctx, message)
    }

    /// Passes a future through when it is `Send`; generated code calls it at the method's name, so
    /// that the compiler points there.
    pub fn must_be_send<F: Future<Output = R> + Send>(
        future: F,
    ) -> impl Future<Output = R> + Send {
        future
    }

    /// Puts the call's future in its place.
    pub fn start<'a>(
        future: impl Future<Output = Result<(), Error>> + Send + 'a,
    ) -> CallFuture<'a> {
        boxed_or_inline(future)
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

    /// Never runs.
    fn before(_: &Context<'_>, _: &mut A) -> impl Future<Output = Result<(), Error>> + Send {
        pending()
    }

    /// Never runs.
    fn must_be_send<F: Future<Output = R>>(_: F) -> impl Future<Output = R> + Send {
        pending()
    }

    /// Never runs.
    fn start<'a>(_: impl Future<Output = Result<(), Error>>) -> CallFuture<'a> {
        boxed_or_inline(pending())
    }
}

impl<S, A, R> CallFallback<A, R> for Call<S, A, R> {}
