//! What a handler's method may return.

use bytes::Bytes;

use super::RouteKind;
use crate::error::{Error, codes};
use crate::message::{Body, TypeInfo};

/// What a handler's method returns: nothing or `Result<(), E>` for a notify, `Result<T, E>` or
/// `Result<Option<T>, E>` for a request, where `T` is a [`Body`] and `E: Into<pitaya::Error>`.
#[diagnostic::on_unimplemented(
    message = "a handler method cannot return `{Self}`",
    label = "not something a handler can answer",
    note = "return nothing or `Result<()>` for a notify, `Result<T>` with a `#[pitaya::message]` type or `Bytes` for a request"
)]
pub trait Return: Send {
    /// Whether the method answers.
    const KIND: RouteKind;
    /// What it answers.
    const REPLY: Option<TypeInfo>;
    /// The type it answers; `Bytes` for a notify, where it never occurs.
    type Reply: Body;

    /// The reply, nothing for a notify, or the error.
    fn into_reply(self) -> Result<Option<Self::Reply>, Error>;
}

#[diagnostic::do_not_recommend]
impl Return for () {
    const KIND: RouteKind = RouteKind::Notify;
    const REPLY: Option<TypeInfo> = None;
    type Reply = Bytes;

    fn into_reply(self) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }
}

#[diagnostic::do_not_recommend]
impl<E: Into<Error> + Send> Return for Result<(), E> {
    const KIND: RouteKind = RouteKind::Notify;
    const REPLY: Option<TypeInfo> = None;
    type Reply = Bytes;

    fn into_reply(self) -> Result<Option<Bytes>, Error> {
        self.map(|()| None).map_err(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Body, E: Into<Error> + Send> Return for Result<T, E> {
    const KIND: RouteKind = RouteKind::Request;
    const REPLY: Option<TypeInfo> = Some(T::INFO);
    type Reply = T;

    fn into_reply(self) -> Result<Option<T>, Error> {
        self.map(Some).map_err(Into::into)
    }
}

/// An absent reply is an error of its own (the client protocol, 6.7).
#[diagnostic::do_not_recommend]
impl<T: Body, E: Into<Error> + Send> Return for Result<Option<T>, E> {
    const KIND: RouteKind = RouteKind::Request;
    const REPLY: Option<TypeInfo> = Some(T::INFO);
    type Reply = T;

    fn into_reply(self) -> Result<Option<T>, Error> {
        match self.map_err(Into::into)? {
            Some(reply) => Ok(Some(reply)),
            None => Err(Error::new(codes::UNKNOWN, "reply must not be null")),
        }
    }
}
