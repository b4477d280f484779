//! Polling and dropping calls, which are the application's code: their panics end here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use crate::app::Core;
use crate::error::Error;
use crate::handler::CallFuture;
use crate::isolate::isolated_now;

/// Polls a call: `None` when it panicked. It must not be polled again then.
#[inline]
pub(crate) fn poll_caught(
    call: Pin<&mut impl Future<Output = Result<(), Error>>>,
    cx: &mut TaskContext<'_>,
) -> Poll<Option<Result<(), Error>>> {
    match catch_unwind(AssertUnwindSafe(|| call.poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    }
}

/// Drops a call where it is: what it holds is released now, not when the connection has closed.
pub(crate) fn let_go(core: &Core, mut call: Pin<&mut CallFuture<'_>>) {
    let _ = isolated_now(core.app(), "handler", || {
        call.set(CallFuture::from(async { Ok(()) }))
    });
}
