//! The I/O half of a connection: reads into borrowed buffers, takes packets off, writes batches.
//!
//! It never awaits and never runs user code; [`serve`](super::serve) does. At rest it holds an
//! incomplete packet and what the socket refused, nothing else.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;

use super::machine::{Machine, Phase, Step, Tick};
use crate::app::{Core, Pending};
use crate::error::{Error, codes};
use crate::handler::table::Target;
use crate::observe::{Limit, trace};
use crate::protocol::message::{self, MessageKind};
use crate::protocol::packet::{self, PacketError, PacketType};
use crate::scratch::{self, Scratch};
use crate::session::outbound::{BATCH, End, Gate};
use crate::session::{CloseReason, Session};
use crate::wrapper::{Guard, Ruling};

/// What one read asks for.
const READ: usize = 16 * 1024;

/// An incomplete packet up to this size is copied out, so that the read buffer can go back.
const SMALL: usize = 2 * 1024;

/// Calls in a row before other connections get a turn.
const TURN: u8 = 16;

/// How much a closing connection still reads, so that the kernel does not reset it over unread input.
const DRAIN: u16 = u16::MAX;

pub(crate) struct Conn<IO> {
    io: IO,
    /// Bytes read: consumed ones up to `at`, then packets, the last one perhaps incomplete.
    input: Vec<u8>,
    at: usize,
    /// Up to here packet headers were looked at while a handler was waiting.
    scanned: u32,
    /// When the socket last gave something. One reading of the clock serves every message in it.
    pub(super) read_at: Instant,
    /// How long the messages of that read have waited for each other by now.
    pub(super) waited: Duration,
    /// A reading of the clock in this very poll of the task.
    polled_at: Option<Instant>,
    /// The timer knows its present deadline and this task.
    timer_set: bool,
    /// A batch of which the socket took only `written` bytes.
    unsent: Vec<u8>,
    written: u32,
    pub(super) machine: Machine,
    /// The acceptor's stream still holds bytes of its own.
    flushing: bool,
    /// Calls made in this turn.
    calls: u8,
    closing: Closing,
    /// Counts this connection as not yet shaken hands.
    pending: Option<Pending>,
    /// What looks over packets first, where the acceptor is wrapped.
    guard: Option<Box<Guard>>,
}

/// The last steps of a connection.
#[derive(Debug, Clone, Copy)]
enum Closing {
    /// Write what is queued.
    Flush,
    /// Tell the peer that nothing more comes.
    Shutdown,
    /// Read what the peer still sends: this much more at most.
    Drain(u16),
}

/// Whether the client's silence would be its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Yes,
    /// Enough is read ahead: what the client sends now stays in the socket.
    Paused,
}

/// What the connection's task does next.
#[derive(Debug)]
pub(super) enum Next {
    Close(CloseReason),
    /// Let other connections have a turn.
    Yield,
    /// Judge the handshake in this part of the input.
    Handshake(Range<usize>),
    /// A call, and where its body is in the input.
    Call(Call, Range<usize>),
    /// Too many overlapping calls: wait until one has ended.
    Full,
    /// The next packet goes on at this time.
    Hold(Instant),
}

#[derive(Debug)]
pub(crate) struct Call {
    /// Index of the route in the table.
    pub(crate) route: u16,
    /// The request's id; 0 when no answer is wanted.
    pub(crate) id: u64,
    pub(crate) compressed: bool,
    /// How long the route was as the client sent it; 0 if no subscriber wants spans.
    pub(crate) route_len: u16,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    pub(crate) fn new(
        io: IO,
        machine: Machine,
        pending: Pending,
        guard: Option<Box<Guard>>,
    ) -> Self {
        let now = machine.started();
        Self {
            io,
            input: Vec::new(),
            at: 0,
            scanned: 0,
            read_at: now,
            waited: Duration::ZERO,
            polled_at: None,
            timer_set: false,
            unsent: Vec::new(),
            written: 0,
            machine,
            flushing: false,
            calls: 0,
            closing: Closing::Flush,
            pending: Some(pending),
            guard,
        }
    }

    pub(super) fn input(&self, range: Range<usize>) -> &[u8] {
        self.input.get(range).unwrap_or_default()
    }

    /// Runs until there is something for the task to do.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Next> {
        // Before the queue is looked at, else a push is lost.
        session.out().register(cx.waker());
        match self.poll_unsent(cx, core, session) {
            Ok(Poll::Ready(())) => {}
            Err(reason) => return Poll::Ready(Next::Close(reason)),
            // Nothing starts while the socket is blocked: that bounds replies, and the transport
            // pushes back.
            Ok(Poll::Pending) => {
                if core.app().is_draining() && !session.is_busy() {
                    session.end(CloseReason::Shutdown, End::Flush, &packet::KICK);
                }
                // An end does not wait until the peer takes something.
                if session.out().ended() {
                    return Poll::Ready(Next::Close(CloseReason::Closed));
                }
                return self
                    .poll_idle(cx, core, session, timer, Reading::Yes)
                    .map(Next::Close);
            }
        }
        loop {
            if core.app().is_draining() {
                if session.is_busy() {
                    break;
                }
                session.end(CloseReason::Shutdown, End::Flush, &packet::KICK);
            }
            if session.out().ended() {
                return Poll::Ready(Next::Close(CloseReason::Closed));
            }
            if self.calls >= TURN {
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
        self.rest();
        self.poll_idle(cx, core, session, timer.as_mut(), Reading::Yes)
            .map(Next::Close)
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
        session.out().register(cx.waker());
        self.machine.serve();
        let unsent = match self.poll_unsent(cx, core, session) {
            Ok(unsent) => unsent,
            Err(reason) => return Poll::Ready(reason),
        };
        if unsent.is_ready() {
            // What came in one read with the message that is being served is looked at as well.
            let mut unseen = self.at.max(self.scanned as usize) < self.input.len();
            loop {
                if unseen && let Err(reason) = self.scan(core) {
                    return Poll::Ready(reason);
                }
                if self.input.len().saturating_sub(self.at) >= core.limits().read_ahead {
                    break;
                }
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(CloseReason::Disconnected),
                    Poll::Ready(Ok(_)) => {
                        unseen = true;
                        if self.input.len().saturating_sub(self.at) >= core.limits().read_ahead {
                            core.app().metrics().limit_reached(Limit::ReadAhead);
                        }
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(reason_of(&error)),
                    Poll::Pending => break,
                }
            }
        }
        self.rest();
        if session.out().ended() {
            return Poll::Ready(CloseReason::Closed);
        }
        let ahead = self.input.len().saturating_sub(self.at);
        let reading = if ahead < core.limits().read_ahead {
            Reading::Yes
        } else {
            Reading::Paused
        };
        self.poll_idle(cx, core, session, timer, reading)
    }

    /// Writes what is queued and keeps the time. Ready when the connection is over.
    fn poll_idle(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
        mut timer: Pin<&mut Sleep>,
        reading: Reading,
    ) -> Poll<CloseReason> {
        loop {
            if let Err(reason) = self.flush(cx, core, session) {
                return Poll::Ready(reason);
            }
            let wake_at = self.machine.wake_at();
            let now = self.polled_at.take().unwrap_or_else(Instant::now);
            if timer.deadline() != wake_at {
                timer.as_mut().reset(wake_at);
                self.timer_set = false;
            }
            // A timer that is set wakes the task by itself, which then finds that it is time. To
            // ask the clock is cheaper than to ask the timer.
            if self.timer_set && now < wake_at {
                return Poll::Pending;
            }
            // Without budget the runtime ends this poll before the timer has heard of the task.
            let heard = has_budget_remaining();
            if timer.as_mut().poll(cx).is_pending() {
                self.timer_set = heard;
                return Poll::Pending;
            }
            self.timer_set = false;
            let paused = self.blocked() || reading == Reading::Paused;
            match self
                .machine
                .tick(Instant::now(), paused, core.limits().idle_beats)
            {
                Tick::Nothing => {}
                Tick::Bind if session.uid().is_none() => {
                    return Poll::Ready(CloseReason::BindTimeout);
                }
                Tick::Bind => {}
                Tick::Idle if session.is_busy() => self.machine.serve(),
                Tick::Idle => {
                    // With a kick, because clients connect again by themselves when a connection
                    // just ends.
                    session.end(CloseReason::IdleTimeout, End::Flush, &packet::KICK);
                    return Poll::Ready(CloseReason::IdleTimeout);
                }
                Tick::Beat => session.out().control(&packet::HEARTBEAT),
                Tick::Close(reason) => return Poll::Ready(reason),
            }
        }
    }

    /// Takes the next packet that asks for something off the input.
    fn take_packet(&mut self, core: &Arc<Core>, session: &Session) -> Option<Next> {
        loop {
            let limit = self.packet_limit(core);
            let rest = self.input.get(self.at..).unwrap_or_default();
            let (packet, used) = match packet::decode(rest, limit) {
                Ok(Some(packet)) => packet,
                Ok(None) => return None,
                Err(error) => {
                    tracing::debug!(session = session.id(), %error, "closing");
                    return Some(Next::Close(self.bad_packet(core, error)));
                }
            };
            let end = self.at + used;
            if let Some(guard) = &mut self.guard {
                let working = self.machine.phase() == Phase::Working;
                match guard.judge(packet, working, core, session) {
                    Ruling::Pass => {}
                    Ruling::Done => {
                        self.machine.hear();
                        self.calls = self.calls.saturating_add(1);
                        self.at = end;
                        continue;
                    }
                    Ruling::Replace(packet) => {
                        self.input.splice(self.at..end, packet);
                        self.scanned = 0;
                        continue;
                    }
                    Ruling::Hold(until) => return Some(Next::Hold(until)),
                    Ruling::Fail => return Some(Next::Close(CloseReason::Internal)),
                }
            }
            let body = end - packet.body.len()..end;
            match self.machine.packet(packet) {
                Step::Data(bytes) => match resolve(core, session, bytes) {
                    Resolved::Call {
                        route,
                        id,
                        body_len,
                        compressed,
                        route_len,
                    } => {
                        if core.overlaps(route) && core.is_full(session) {
                            if let Some(guard) = &mut self.guard {
                                guard.keep();
                            }
                            core.app().metrics().limit_reached(Limit::Concurrent);
                            return Some(Next::Full);
                        }
                        self.at = end;
                        // Messages that are no calls may have come before it, more than fit.
                        self.calls = self.calls.saturating_add(1);
                        let body = end - body_len..end;
                        let call = Call {
                            route,
                            id,
                            compressed,
                            route_len,
                        };
                        return Some(Next::Call(call, body));
                    }
                    Resolved::Done => self.calls = self.calls.saturating_add(1),
                    Resolved::Close => return Some(Next::Close(CloseReason::Protocol)),
                },
                Step::Handshake(_) => {
                    self.at = end;
                    self.calls = self.calls.saturating_add(1);
                    return Some(Next::Handshake(body));
                }
                Step::Acknowledged => {
                    let first = self.pending.take().is_some();
                    session.out().set_gate(Gate::Open, &core.limits().outbound);
                    if let Some(within) = core.limits().bind.filter(|_| first) {
                        self.machine.set_bind_deadline(self.read_at + within);
                    }
                }
                Step::Ignore => {}
                Step::Close => {
                    tracing::debug!(session = session.id(), "a packet came before its time");
                    return Some(Next::Close(CloseReason::Protocol));
                }
            }
            self.at = end;
        }
    }

    /// Looks at the headers of packets that wait for their turn: they are signs of life, and a bad
    /// one ends the connection.
    fn scan(&mut self, core: &Arc<Core>) -> Result<(), CloseReason> {
        let limit = self.packet_limit(core);
        let mut scanned = self.at.max(self.scanned as usize);
        loop {
            let rest = self.input.get(scanned..).unwrap_or_default();
            match packet::peek_header(rest, limit) {
                Ok(Some((_, total))) if total <= rest.len() => {
                    self.machine.hear();
                    scanned += total;
                }
                Ok(_) => {
                    self.scanned = small(scanned);
                    return Ok(());
                }
                Err(error) => return Err(self.bad_packet(core, error)),
            }
        }
    }

    /// A packet that cannot be one ends the connection.
    #[cold]
    fn bad_packet(&self, core: &Arc<Core>, error: PacketError) -> CloseReason {
        if let PacketError::OverLimit { .. } = error {
            core.app()
                .metrics()
                .limit_reached(match self.machine.phase() {
                    Phase::Start => Limit::HandshakePacket,
                    Phase::Handshaken | Phase::Working => Limit::Packet,
                });
        }
        CloseReason::Protocol
    }

    fn packet_limit(&self, core: &Arc<Core>) -> usize {
        match self.machine.phase() {
            Phase::Start => core.limits().handshake_packet,
            Phase::Handshaken | Phase::Working => core.limits().packet,
        }
    }

    fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<usize>> {
        if self.at == self.input.len() {
            self.at = 0;
            self.scanned = 0;
            if self.input.capacity() == 0 {
                self.input = scratch::take(Scratch::Input);
            }
            self.input.clear();
            self.input.reserve(READ);
        } else if self.input.capacity() < READ {
            let mut buffer = scratch::take(Scratch::Input);
            buffer.reserve(READ.max(2 * self.input.len()));
            buffer.extend_from_slice(self.input.get(self.at..).unwrap_or_default());
            self.scanned = self.scanned.saturating_sub(small(self.at));
            self.at = 0;
            self.input = buffer;
        } else if self.input.capacity() - self.input.len() < READ / 4 {
            // Make room by dropping what is consumed, else by growing.
            self.input.drain(..self.at);
            self.scanned = self.scanned.saturating_sub(small(self.at));
            self.at = 0;
            self.input.reserve(READ);
        }
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input));
        let now = Instant::now();
        self.read_at = now;
        self.waited = Duration::ZERO;
        self.polled_at = Some(now);
        Poll::Ready(read)
    }

    /// A call that has ended `now`, or others having had their turn, held the next message up.
    pub(super) fn held_up(&mut self, now: Instant, waited: Duration) {
        self.waited = waited;
        self.polled_at = Some(now);
    }

    /// Gives the read buffer back and keeps an incomplete packet only.
    fn rest(&mut self) {
        if self.at == self.input.len() {
            self.at = 0;
            self.scanned = 0;
            scratch::give(Scratch::Input, std::mem::take(&mut self.input));
        } else if self.at > 0 || self.input.capacity() > self.input.len() {
            self.keep_incomplete();
        }
    }

    #[cold]
    fn keep_incomplete(&mut self) {
        let left = self.input.get(self.at..).unwrap_or_default();
        if left.len() > SMALL {
            // Copying a large one at every wake would be worse than keeping it where it is.
            return;
        }
        let kept = left.to_vec();
        self.scanned = self.scanned.saturating_sub(small(self.at));
        self.at = 0;
        scratch::give(Scratch::Input, std::mem::replace(&mut self.input, kept));
    }

    fn blocked(&self) -> bool {
        (self.written as usize) < self.unsent.len() || self.flushing
    }

    /// Writes what an earlier write left over.
    #[inline]
    fn poll_unsent(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Result<Poll<()>, CloseReason> {
        if self.blocked() {
            self.poll_blocked(cx, core, session)
        } else {
            Ok(Poll::Ready(()))
        }
    }

    #[cold]
    fn poll_blocked(
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
        let unsent = if self.blocked() {
            // The acceptor's stream may hold all of it.
            self.unsent
                .len()
                .saturating_sub(self.written as usize)
                .max(1)
        } else {
            0
        };
        session.out().stalled(unsent, &core.limits().outbound);
    }

    fn poll_write(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
    ) -> Result<Poll<()>, CloseReason> {
        while (self.written as usize) < self.unsent.len() {
            let rest = self.unsent.get(self.written as usize..).unwrap_or_default();
            match Pin::new(&mut self.io).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Err(CloseReason::Io),
                Poll::Ready(Ok(n)) => {
                    // No batch comes near what this holds.
                    self.written += n as u32;
                    self.flushing = true;
                    self.machine.set_write_deadline(None);
                }
                Poll::Ready(Err(error)) => return Err(reason_of(&error)),
                Poll::Pending => return self.stall(core),
            }
        }
        if self.written > 0 {
            self.written = 0;
            scratch::give(Scratch::Output, std::mem::take(&mut self.unsent));
        }
        if self.flushing {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushing = false,
                Poll::Ready(Err(error)) => return Err(reason_of(&error)),
                Poll::Pending => return self.stall(core),
            }
            self.machine.set_write_deadline(None);
        }
        Ok(Poll::Ready(()))
    }

    fn stall(&mut self, core: &Arc<Core>) -> Result<Poll<()>, CloseReason> {
        if !self.machine.is_write_due() {
            self.machine
                .set_write_deadline(Some(Instant::now() + core.limits().write));
        }
        Ok(Poll::Pending)
    }

    /// Writes everything that may leave, until the socket is blocked.
    #[inline]
    pub(super) fn flush(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Result<(), CloseReason> {
        if self.poll_unsent(cx, core, session)?.is_pending() {
            return Ok(());
        }
        loop {
            self.unsent = session.out().take();
            if self.unsent.is_empty() {
                scratch::give(Scratch::Output, std::mem::take(&mut self.unsent));
                return Ok(());
            }
            // A push that comes after the queue was looked at wakes the task again.
            let more = self.unsent.len() >= BATCH;
            if self.poll_write(cx, core)?.is_pending() {
                self.tell_unsent(core, session);
                return Ok(());
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// The last steps: lets queued messages leave if the session's end asks for it, shuts the
    /// connection down, and reads a little more so that the peer gets what was sent.
    pub(super) fn poll_close(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Poll<()> {
        loop {
            match self.closing {
                Closing::Flush => {
                    if session.out().end() == Some(End::Flush) {
                        let flushed = self.flush(cx, core, session);
                        if flushed.is_ok() && self.blocked() {
                            return Poll::Pending;
                        }
                    }
                    self.closing = Closing::Shutdown;
                }
                Closing::Shutdown => {
                    let shut = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
                    if shut.is_err() || session.out().end() != Some(End::Flush) {
                        return Poll::Ready(());
                    }
                    self.closing = Closing::Drain(DRAIN);
                }
                Closing::Drain(left) => {
                    let mut bytes = [0; 512];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
                    let n = buffer.filled().len() as u16;
                    if read.is_err() || n == 0 || n >= left {
                        return Poll::Ready(());
                    }
                    self.closing = Closing::Drain(left - n);
                }
            }
        }
    }

    /// How many messages have come that nobody will serve.
    pub(super) fn unserved(&self) -> u64 {
        let mut rest = self.input.get(self.at..).unwrap_or_default();
        let mut messages = 0;
        if self.machine.phase() != Phase::Working {
            return 0;
        }
        while let Ok(Some((packet, used))) = packet::decode(rest, packet::MAX_BODY_LEN) {
            messages += u64::from(packet.kind == PacketType::Data);
            rest = rest.get(used..).unwrap_or_default();
        }
        messages
    }

    /// Whether [`Conn::poll_close`] only waits for the peer by now.
    pub(super) fn is_draining(&self) -> bool {
        matches!(self.closing, Closing::Drain(_))
    }
}

/// A number of bytes in a buffer, none of which comes near this: packets and queues are bounded.
fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

enum Resolved {
    Call {
        route: u16,
        id: u64,
        body_len: usize,
        compressed: bool,
        route_len: u16,
    },
    /// Answered or ignored.
    Done,
    Close,
}

/// What a message asks for. Errors that have an answer are answered here.
#[inline]
fn resolve(core: &Arc<Core>, session: &Session, bytes: &[u8]) -> Resolved {
    let message = match message::decode(bytes) {
        Ok(message) => message,
        Err(error) => {
            tracing::debug!(session = session.id(), %error, "closing");
            return Resolved::Close;
        }
    };
    let wants_answer = match message.kind {
        MessageKind::Request => true,
        MessageKind::Notify => false,
        MessageKind::Response | MessageKind::Push => {
            core.app().metrics().ignored_messages.increment(1);
            return unserved(core, &message);
        }
    };
    let id = if wants_answer { message.id } else { 0 };
    match core.table().resolve(message.route, wants_answer) {
        Target::Route { index, by_code } => {
            if by_code {
                session.set_takes_codes();
            }
            let body_len = message.body.len();
            let route_len = if trace::is_wanted() {
                route_len(core, message.route)
            } else {
                0
            };
            Resolved::Call {
                route: index,
                id,
                body_len,
                compressed: message.compressed,
                route_len,
            }
        }
        Target::Error(_) | Target::Forward { .. } if core.is_too_long(message.route) => {
            too_long(core, session, id, &message)
        }
        Target::Error(error) => {
            let resolved = unserved(core, &message);
            if let Resolved::Done = resolved {
                core.refuse(session, id, &message, &error);
            }
            resolved
        }
        Target::Forward { route } => match core.forward(session, id, route, &message) {
            Ok(()) => Resolved::Done,
            Err(()) => Resolved::Close,
        },
        Target::UnknownCode => {
            tracing::debug!(session = session.id(), "route info not found in dictionary");
            Resolved::Close
        }
    }
}

/// A route that is none of this server's is looked at up to a limit only.
#[cold]
fn too_long(
    core: &Arc<Core>,
    session: &Session,
    id: u64,
    message: &message::Message<'_>,
) -> Resolved {
    let resolved = unserved(core, message);
    if let Resolved::Done = resolved {
        core.app().metrics().limit_reached(Limit::Route);
        let error = Error::new(codes::BAD_REQUEST, "the route is too long");
        core.refuse(session, id, message, &error);
    }
    resolved
}

#[cold]
fn route_len(core: &Core, route: message::RouteRef<'_>) -> u16 {
    u16::try_from(core.table().text(route).len()).unwrap_or_default()
}

/// A body that does not inflate ends the connection, also when nobody reads it (the client protocol,
/// 2.3).
#[cold]
fn unserved(core: &Arc<Core>, message: &message::Message<'_>) -> Resolved {
    if message.compressed && !core.inflates(message.body) {
        Resolved::Close
    } else {
        Resolved::Done
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
