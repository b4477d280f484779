//! Runs the application's code so that its panics stay its own: caught, counted, logged, and turned
//! into the one error that a client may see of them. No panic text leaves this module but to the log
//! that the panic hook writes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use crate::app::AppHandle;
use crate::error::{Error, Result, codes};

/// Runs `code`, which may await; `place` is the label under which a panic is counted.
///
/// Pass an `async` block that makes the call, not the future that the call answers: making it is
/// the application's code too.
pub(crate) async fn isolated<T>(
    app: &AppHandle,
    place: &'static str,
    code: impl Future<Output = Result<T>>,
) -> Result<T> {
    match AssertUnwindSafe(code).catch_unwind().await {
        Ok(result) => result,
        Err(_) => Err(caught(app, place)),
    }
}

/// Runs `code`, which does not await.
pub(crate) fn isolated_now<T>(
    app: &AppHandle,
    place: &'static str,
    code: impl FnOnce() -> T,
) -> Result<T> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|_| caught(app, place))
}

/// Counts and logs a panic that was caught there: what the sender of the message is told.
#[cold]
pub(crate) fn caught(app: &AppHandle, place: &'static str) -> Error {
    app.metrics().panicked(place);
    tracing::error!(place, "the application's code panicked");
    Error::new(codes::INTERNAL, "internal error")
}
