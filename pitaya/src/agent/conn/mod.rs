//! The I/O half of a connection: what each wake of its task does.
//!
//! It never awaits and never runs an application's handlers; [`serve`](super::serve) does. At rest it
//! holds an incomplete packet and what the socket refused, nothing else.

mod clock;
mod end;
mod input;
mod message;
mod output;
mod packets;
mod times;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::machine::Machine;
use crate::app::{Core, Pending};
use crate::observe::Limit;
use crate::protocol::packet;
use crate::session::outbound::End;
use crate::session::{CloseReason, Session};
use crate::wrapper::Guard;
use clock::Clock;
use end::Closing;
use input::Input;
pub(crate) use message::Call;
use output::Output;
use times::Reading;

/// Calls in a row before other connections get a turn.
const TURN: u8 = 16;

pub(crate) struct Conn<IO> {
    io: IO,
    input: Input,
    output: Output,
    pub(super) clock: Clock,
    pub(super) machine: Machine,
    /// The timer knows its present deadline and this task.
    timer_set: bool,
    /// Calls made in this turn.
    calls: u8,
    closing: Closing,
    /// Counts this connection as not yet shaken hands.
    pending: Option<Pending>,
    /// What looks over packets first, where the acceptor is wrapped.
    guard: Option<Box<Guard>>,
}

/// What the connection's task does next.
pub(super) enum Next<'a> {
    Close(CloseReason),
    /// Let other connections have a turn.
    Yield,
    /// Judge the handshake whose body was just passed.
    Handshake {
        body_len: usize,
    },
    /// Call, with the body that was just passed.
    Call(Call<'a>),
    /// Too many overlapping calls: wait until one has ended.
    Full,
    /// The next packet goes on at this time.
    Hold(Instant),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    pub(crate) fn new(
        io: IO,
        machine: Machine,
        pending: Pending,
        guard: Option<Box<Guard>>,
    ) -> Self {
        Self {
            io,
            input: Input::default(),
            output: Output::default(),
            clock: Clock::new(machine.started()),
            machine,
            timer_set: false,
            calls: 0,
            closing: Closing::Flush,
            pending: Some(pending),
            guard,
        }
    }

    /// The body of the packet that was just passed.
    pub(super) fn body(&self, len: usize) -> &[u8] {
        self.input.passed(len)
    }

    /// Runs until there is something for the task to do.
    pub(super) fn poll_next<'a>(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &'a Arc<Core>,
        session: &Session,
        timer: Pin<&mut Sleep>,
    ) -> Poll<Next<'a>> {
        if self.output.is_blocked() {
            match self.poll_blocked(cx, core, session) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => {
                    return self.poll_stuck(cx, core, session, timer).map(Next::Close);
                }
                Err(reason) => return Poll::Ready(Next::Close(reason)),
            }
        }
        loop {
            match standing(core, session) {
                Standing::Serves => {}
                Standing::Drains => break,
                Standing::Over => return Poll::Ready(Next::Close(CloseReason::Closed)),
            }
            // Others have their turn between two reads in any case.
            if self.calls >= TURN && !self.input.unread().is_empty() {
                self.calls = 0;
                return match self.flush(cx, core, session) {
                    Ok(()) => Poll::Ready(Next::Yield),
                    Err(reason) => Poll::Ready(Next::Close(reason)),
                };
            }
            if let Some(next) = self.take_packet(core, session) {
                return Poll::Ready(next);
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Next::Close(CloseReason::Disconnected)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Next::Close(reason_of(&error))),
                Poll::Pending => break,
            }
        }
        self.calls = 0;
        self.input.rest();
        if let Err(reason) = self.flush(cx, core, session) {
            return Poll::Ready(Next::Close(reason));
        }
        // Asked once more, as only what happens after the flush wakes the task.
        if let Standing::Over = standing(core, session) {
            return Poll::Ready(Next::Close(CloseReason::Closed));
        }
        self.poll_times(cx, core, session, timer, Reading::Yes)
            .map(Next::Close)
    }

    /// While the socket is blocked nothing starts: that bounds replies, and the transport pushes
    /// back. An end does not wait until the peer takes something.
    #[cold]
    fn poll_stuck(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        timer: Pin<&mut Sleep>,
    ) -> Poll<CloseReason> {
        session.out().register(cx.waker());
        if let Standing::Over = standing(core, session) {
            return Poll::Ready(CloseReason::Closed);
        }
        self.poll_times(cx, core, session, timer, Reading::Yes)
    }

    /// What goes on while a handler waits: read ahead, beat, let pushes leave. Ready when the
    /// connection is over.
    pub(super) fn poll_beside(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        timer: Pin<&mut Sleep>,
    ) -> Poll<CloseReason> {
        self.machine.serve();
        let unsent = match self.poll_unsent(cx, core, session) {
            Ok(unsent) => unsent,
            Err(reason) => return Poll::Ready(reason),
        };
        if unsent.is_ready()
            && let Poll::Ready(reason) = self.poll_ahead(cx, core, session)
        {
            return Poll::Ready(reason);
        }
        self.input.rest();
        if unsent.is_pending() {
            session.out().register(cx.waker());
        } else if let Err(reason) = self.flush(cx, core, session) {
            return Poll::Ready(reason);
        }
        if session.out().ended() {
            return Poll::Ready(CloseReason::Closed);
        }
        let reading = if self.is_full(core) {
            Reading::Paused
        } else {
            Reading::Yes
        };
        self.poll_times(cx, core, session, timer, reading)
    }

    /// Reads as far ahead as allowed, and looks at what has come. Ready when the connection is over.
    fn poll_ahead(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Poll<CloseReason> {
        // What came in one read with the message that is being served is looked at as well.
        let mut unseen = !self.input.unscanned().is_empty();
        loop {
            if unseen && let Err(reason) = self.scan(core, session) {
                return Poll::Ready(reason);
            }
            if self.is_full(core) {
                return Poll::Pending;
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(CloseReason::Disconnected),
                Poll::Ready(Ok(_)) => unseen = true,
                Poll::Ready(Err(error)) => return Poll::Ready(reason_of(&error)),
                Poll::Pending => return Poll::Pending,
            }
            if self.is_full(core) {
                core.app().metrics().limit_reached(Limit::ReadAhead);
            }
        }
    }

    /// Whether enough is read ahead.
    fn is_full(&self, core: &Arc<Core>) -> bool {
        self.input.unread().len() >= core.limits().read_ahead
    }

    #[inline]
    fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        let read = self.input.poll_read(cx, &mut self.io);
        if read.is_ready() {
            self.clock.read(Instant::now());
        }
        read
    }
}

/// Whether messages of the session are served.
enum Standing {
    Serves,
    /// The app shuts down: nothing more starts, but something is still to be answered.
    Drains,
    /// The session has ended, perhaps just now because the app shuts down.
    Over,
}

#[inline]
fn standing(core: &Core, session: &Session) -> Standing {
    if core.app().is_draining() {
        return draining(session);
    }
    match session.out().ended() {
        false => Standing::Serves,
        true => Standing::Over,
    }
}

#[cold]
fn draining(session: &Session) -> Standing {
    if !session.is_busy() {
        session.end(CloseReason::Shutdown, End::Flush, &packet::KICK);
    }
    match session.out().ended() {
        false => Standing::Drains,
        true => Standing::Over,
    }
}

fn reason_of(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => CloseReason::Disconnected,
        io::ErrorKind::InvalidData => CloseReason::Protocol,
        _ => CloseReason::Io,
    }
}
