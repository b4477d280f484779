//! Writing: batches of the queue to the socket, and what that does not take at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Conn, reason_of};
use crate::app::Core;
use crate::scratch::{self, Scratch};
use crate::session::outbound::BATCH;
use crate::session::{CloseReason, Session};

#[derive(Default)]
pub(super) struct Output {
    /// A batch of which the socket took only `written` bytes.
    unsent: Vec<u8>,
    written: u32,
    /// The acceptor's stream still holds bytes of its own.
    flushing: bool,
}

impl Output {
    #[inline]
    fn rest(&self) -> &[u8] {
        self.unsent.get(self.written as usize..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn is_blocked(&self) -> bool {
        (self.written as usize) < self.unsent.len() || self.flushing
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    /// Writes what an earlier write left over.
    #[inline]
    pub(super) fn poll_unsent(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Result<Poll<()>, CloseReason> {
        if self.output.is_blocked() {
            self.poll_blocked(cx, core, session)
        } else {
            Ok(Poll::Ready(()))
        }
    }

    /// The same when there is something.
    #[cold]
    pub(super) fn poll_blocked(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Result<Poll<()>, CloseReason> {
        let written = self.poll_write(cx, core)?;
        self.tell_unsent(core, session);
        Ok(written)
    }

    /// Tells the queue what is left of the last batch: what waits for a client that takes nothing is
    /// counted.
    #[cold]
    fn tell_unsent(&self, core: &Arc<Core>, session: &Session) {
        let unsent = if self.output.is_blocked() {
            // The acceptor's stream may hold all of it.
            self.output.rest().len().max(1)
        } else {
            0
        };
        session.out().stalled(unsent, &core.limits().outbound);
    }

    /// Writes everything that may leave, until the socket is blocked. Unless it is, whatever is
    /// queued from now on wakes the task.
    #[inline]
    pub(in crate::agent) fn flush(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Result<(), CloseReason> {
        if self.poll_unsent(cx, core, session)?.is_pending() {
            return Ok(());
        }
        loop {
            self.output.unsent = session.out().take(cx.waker());
            if self.output.unsent.is_empty() {
                let spare = std::mem::take(&mut self.output.unsent);
                scratch::give(Scratch::Output, spare);
                return Ok(());
            }
            let more = self.output.unsent.len() >= BATCH;
            if self.poll_write(cx, core)?.is_pending() {
                self.tell_unsent(core, session);
                return Ok(());
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
    ) -> Result<Poll<()>, CloseReason> {
        while (self.output.written as usize) < self.output.unsent.len() {
            match Pin::new(&mut self.io).poll_write(cx, self.output.rest()) {
                Poll::Ready(Ok(0)) => return Err(CloseReason::Io),
                Poll::Ready(Ok(n)) => {
                    // No batch comes near what this holds.
                    self.output.written += n as u32;
                    self.output.flushing = true;
                    self.machine.set_write_deadline(None);
                }
                Poll::Ready(Err(error)) => return Err(reason_of(&error)),
                Poll::Pending => return Ok(self.stall(core)),
            }
        }
        if self.output.written > 0 {
            self.output.written = 0;
            let spare = std::mem::take(&mut self.output.unsent);
            scratch::give(Scratch::Output, spare);
        }
        if self.output.flushing {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.output.flushing = false,
                Poll::Ready(Err(error)) => return Err(reason_of(&error)),
                Poll::Pending => return Ok(self.stall(core)),
            }
            self.machine.set_write_deadline(None);
        }
        Ok(Poll::Ready(()))
    }

    /// The socket takes nothing more: from now on the time for that runs.
    #[cold]
    fn stall(&mut self, core: &Arc<Core>) -> Poll<()> {
        if !self.machine.is_write_due() {
            let deadline = Instant::now() + core.limits().write;
            self.machine.set_write_deadline(Some(deadline));
        }
        Poll::Pending
    }
}
