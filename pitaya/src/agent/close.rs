//! The end of a connection, while its last call may still run.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::{Conn, let_go, poll_caught};
use crate::app::Core;
use crate::error::Error;
use crate::handler::{CallFuture, Context};
use crate::session::outbound::End;
use crate::session::{CloseReason, Session};

/// How long a closing connection waits for its peer to take the last bytes.
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// A call that outlives its client.
pub(super) struct Running<'c, 'f> {
    pub(super) future: Pin<&'f mut CallFuture<'c>>,
    pub(super) ctx: &'c Context<'c>,
}

/// Closes the connection, while a call that has started runs to its end within the grace limit:
/// what became of it, `None` if it was dropped.
pub(super) async fn close<'c, IO>(
    c: &mut Conn<IO>,
    core: &'c Arc<Core>,
    session: &Session,
    reason: CloseReason,
    mut timer: Pin<&mut Sleep>,
    mut call: Option<Running<'c, '_>>,
) -> Option<Result<(), Error>>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    if let CloseReason::Protocol | CloseReason::Internal = reason {
        // What was queued before the bad packet still leaves, if the socket takes it.
        poll_fn(|cx| Poll::Ready(c.flush(cx, core, session).is_ok())).await;
    }
    if !session.out().ended() {
        session.end(reason, End::Drop, &[]);
    }
    core.app().metrics().unserved.increment(c.unserved());
    // Before the peer can see the end, nobody finds the session any more.
    core.app().pool().remove(session);
    core.app().session_gone();
    let now = Instant::now();
    let grace = now + core.limits().grace;
    let mut closed = false;
    let mut close_by = now + core.limits().write;
    let mut draining = false;
    let mut result = None;
    poll_fn(|cx| {
        loop {
            if !closed && c.poll_close(cx, core, session).is_ready() {
                closed = true;
                session.disconnected(reason);
            }
            if !closed && !draining && c.is_draining() {
                draining = true;
                close_by = Instant::now() + DRAIN_TIME;
            }
            if let Some(running) = &mut call {
                match poll_caught(running.future.as_mut(), cx) {
                    Poll::Ready(Some(ended)) => {
                        result = Some(ended);
                        call = None;
                    }
                    Poll::Ready(None) => {
                        running.future.set(core.panicked(running.ctx));
                        continue;
                    }
                    Poll::Pending => {}
                }
            }
            let until = match (closed, &call) {
                (true, None) => return Poll::Ready(()),
                (true, Some(_)) => grace,
                (false, None) => close_by,
                (false, Some(_)) => close_by.min(grace),
            };
            timer.as_mut().reset(until);
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if !closed && until == close_by {
                closed = true;
                session.disconnected(reason);
            }
            if until == grace
                && let Some(running) = call.take()
            {
                let_go(core, running.future);
            }
        }
    })
    .await;
    result
}

/// Takes the session out of everything when its connection's task ends, also half-way.
pub(super) struct Ended<'a>(pub(super) &'a Session);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.disconnected(CloseReason::Internal);
        self.0.app().connection_ended(self.0);
    }
}
