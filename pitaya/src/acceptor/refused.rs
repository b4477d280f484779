//! Why a connection was not established, with the cause that it is counted under.

use std::io;
use std::time::Duration;

use crate::observe::Refusal;

/// The error inside an [`io::Error`] of an `establish` whose cause is known.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    refusal: Refusal,
    text: String,
}

/// An error that is counted under this cause.
pub(crate) fn refused(refusal: Refusal, text: impl Into<String>) -> io::Error {
    let text = text.into();
    io::Error::new(io::ErrorKind::InvalidData, Refused { refusal, text })
}

/// Runs a step of `establish` that has this much time, and is counted under this cause when it
/// takes longer.
pub(super) async fn within<T>(
    limit: Duration,
    refusal: Refusal,
    step: impl Future<Output = T>,
) -> io::Result<T> {
    tokio::time::timeout(limit, step)
        .await
        .map_err(|_| refused(refusal, format!("more than {limit:?} is too long")))
}

/// The cause of an error of `establish`.
pub(crate) fn refusal_of(error: &io::Error) -> Refusal {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Refused>())
        .map_or(Refusal::Establish, |refused| refused.refusal)
}
