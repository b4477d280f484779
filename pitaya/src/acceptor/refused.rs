//! Why a connection was not established, with the cause that it is counted under.

use std::io;

use crate::observe::Refusal;

/// The error inside an [`io::Error`] of an `establish` whose cause is known.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    refusal: Refusal,
    text: String,
}

/// An error that is counted under this cause.
pub(super) fn refused(refusal: Refusal, text: impl Into<String>) -> io::Error {
    let text = text.into();
    io::Error::new(io::ErrorKind::InvalidData, Refused { refusal, text })
}

/// The cause of an error of `establish`.
pub(crate) fn refusal_of(error: &io::Error) -> Refusal {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Refused>())
        .map_or(Refusal::Establish, |refused| refused.refusal)
}
