//! The one timer of a connection: heartbeats and deadlines.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};

use super::Conn;
use crate::agent::machine::Tick;
use crate::app::Core;
use crate::protocol::packet;
use crate::session::outbound::End;
use crate::session::{CloseReason, Session};

/// Whether the client's silence would be its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Yes,
    /// Enough is read ahead: what the client sends now stays in the socket.
    Paused,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    /// Does what is due, and has the task woken for what comes next. Ready when the connection is
    /// over.
    #[inline]
    pub(super) fn poll_times(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        timer: Pin<&mut Sleep>,
        reading: Reading,
    ) -> Poll<CloseReason> {
        // A timer that is set wakes the task by itself, which then finds that it is time. To ask the
        // clock is cheaper than to ask the timer.
        let wake_at = self.machine.wake_at();
        let now = self.clock.now();
        if self.timer_set && timer.deadline() == wake_at && now < wake_at {
            return Poll::Pending;
        }
        self.poll_timer(cx, core, session, timer, reading)
    }

    #[cold]
    fn poll_timer(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        mut timer: Pin<&mut Sleep>,
        reading: Reading,
    ) -> Poll<CloseReason> {
        loop {
            let wake_at = self.machine.wake_at();
            if timer.deadline() != wake_at {
                timer.as_mut().reset(wake_at);
            }
            // Without budget the runtime ends this poll before the timer has heard of the task.
            let heard = has_budget_remaining();
            if timer.as_mut().poll(cx).is_pending() {
                self.timer_set = heard;
                return Poll::Pending;
            }
            self.timer_set = false;
            if let Some(reason) = self.tick(cx, core, session, reading) {
                return Poll::Ready(reason);
            }
        }
    }

    /// Does what is due: why the connection is over, if it is.
    fn tick(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        reading: Reading,
    ) -> Option<CloseReason> {
        let paused = self.output.is_blocked() || reading == Reading::Paused;
        let idle_beats = core.limits().idle_beats;
        match self.machine.tick(Instant::now(), paused, idle_beats) {
            Tick::Nothing => None,
            Tick::Bind => session.uid().is_none().then_some(CloseReason::BindTimeout),
            Tick::Idle if session.is_busy() => {
                self.machine.serve();
                None
            }
            Tick::Idle => {
                // With a kick, because clients connect again by themselves when a connection just
                // ends.
                session.end(CloseReason::IdleTimeout, End::Flush, &packet::KICK);
                Some(CloseReason::IdleTimeout)
            }
            Tick::Beat => {
                session.out().control(&packet::HEARTBEAT);
                self.flush(cx, core, session).err()
            }
            Tick::Close(reason) => Some(reason),
        }
    }
}
