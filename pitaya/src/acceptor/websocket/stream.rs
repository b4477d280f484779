//! The I/O half: [`WsIo`] drives the pure deframer and framer over a byte
//! stream.

use std::{
    cell::Cell,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    control::Outgoing,
    deframer::{Deframer, End},
    framer::Framer,
};

/// Most bytes handed to the socket at once, and so the size that a thread's
/// scratch buffer may grow to.
const MAX_WRITE: usize = 64 * 1024;

/// From this many bytes on, payload goes to the socket straight from the
/// caller's batch: the system call is then worth more than the copy saves.
const STRAIGHT: usize = 16 * 1024;

thread_local! {
    /// Where frames are put together for one write. Of the thread and not of
    /// the connection, so that idle connections hold no buffer.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A WebSocket as a stream of packets; see [`Connect::Io`](crate::acceptor::Connect::Io).
///
/// Reading yields the packets of the messages, undivided from each other as on
/// TCP. Pings are answered and close frames obeyed while reading, or, when the
/// socket is blocked, with the next write. Writing takes whole packets and
/// makes one binary message of each. One task has to drive both directions.
///
/// It holds no buffer: what the socket refuses is refused to the caller, what
/// the caller has no room for is left in the socket.
pub struct WsIo<S> {
    inner: S,
    deframer: Deframer,
    framer: Framer,
    /// Control frames to be sent.
    control: Option<Box<Outgoing>>,
    /// What came behind the HTTP request, until it has been read.
    early: Option<Box<Early>>,
    /// A close frame has been sent or queued: nothing may follow it.
    closing: bool,
    /// Written bytes may still be in a buffer of the stream below.
    unflushed: bool,
    /// A write or flush was told to wait. Its task will come back, and sends
    /// the control frames then; reading must not take over its wake-up.
    writer_waits: bool,
}

struct Early {
    bytes: Vec<u8>,
    read: usize,
}

impl<S> WsIo<S> {
    pub(super) fn new(inner: S, early: Vec<u8>, max_message: usize) -> Self {
        let early = (!early.is_empty()).then(|| {
            Box::new(Early {
                bytes: early,
                read: 0,
            })
        });
        Self {
            inner,
            deframer: Deframer::new(max_message),
            framer: Framer::default(),
            control: None,
            early,
            closing: false,
            unflushed: false,
            writer_waits: false,
        }
    }

    /// The stream below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    fn queue_close(&mut self, code: Option<u16>) {
        if !self.closing {
            self.closing = true;
            self.control.get_or_insert_default().close(code);
        }
    }

    /// Queues what the bytes just decoded call for.
    fn react(&mut self) {
        if let Some(ping) = self.deframer.take_ping()
            && !self.closing
        {
            self.control.get_or_insert_default().pong(ping.bytes());
        }
        match self.deframer.end() {
            Some(End::Closed(code)) => self.queue_close(code),
            Some(End::Failed(error)) => self.queue_close(Some(error.close_code())),
            None => {}
        }
    }

    fn control_written(&mut self, written: usize) {
        if let Some(control) = &mut self.control {
            control.advance(written);
            if control.is_empty() {
                self.control = None;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WsIo<S> {
    /// Reads raw bytes: those that came with the request first.
    fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(early) = &mut self.early else {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        };
        let rest = early.bytes.get(early.read..).unwrap_or_default();
        let part = rest.get(..buf.remaining()).unwrap_or(rest);
        buf.put_slice(part);
        early.read += part.len();
        if early.read >= early.bytes.len() {
            self.early = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the queued control frames, if a frame may start here, and whatever
    /// else waits in the stream below.
    fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(control) = &self.control
            && self.framer.between_messages()
        {
            let written =
                ready!(Pin::new(&mut self.inner).poll_write(cx, control.bytes())).and_then(some)?;
            self.unflushed = true;
            self.control_written(written);
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// One write to the stream below; returns how much of the batch that took,
    /// which is nothing when only headers or control frames went out.
    fn poll_write_some(&mut self, cx: &mut Context<'_>, batch: &[u8]) -> Poll<io::Result<usize>> {
        let bare = self.framer.bare().min(batch.len());
        if bare >= STRAIGHT {
            let payload = batch.get(..bare).unwrap_or(batch);
            let written =
                ready!(Pin::new(&mut self.inner).poll_write(cx, payload)).and_then(some)?;
            self.framer = self.framer.after_bare(written);
            return Poll::Ready(Ok(written));
        }
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        scratch.clear();
        let result = self.poll_write_framed(cx, batch, &mut scratch);
        // While a thread ends there is no place to put it; it is freed then.
        let _ = SCRATCH.try_with(|place| place.set(scratch));
        result
    }

    fn poll_write_framed(
        &mut self,
        cx: &mut Context<'_>,
        batch: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        if let Some(control) = &self.control
            && self.framer.between_messages()
        {
            scratch.extend_from_slice(control.bytes());
        }
        let control = scratch.len();
        let filled = self.framer.fill(batch, MAX_WRITE, scratch)?;
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, scratch)).and_then(some)?;
        self.control_written(written.min(control));
        let taken = if written == scratch.len() {
            self.framer = filled.after;
            filled.taken
        } else {
            self.framer
                .advance(batch, written.saturating_sub(control))?
        };
        Poll::Ready(Ok(taken))
    }
}

/// A stream that takes nothing and does not say why would be asked for ever.
fn some(written: usize) -> io::Result<usize> {
    if written == 0 {
        Err(io::ErrorKind::WriteZero.into())
    } else {
        Ok(written)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WsIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            // Answers to the peer must not hold up what it has sent: a pending
            // or failing write shows wherever it is waited for.
            if (this.control.is_some() || this.unflushed) && !this.writer_waits {
                let _ = this.poll_control(cx);
            }
            match this.deframer.end() {
                Some(End::Closed(_)) => return Poll::Ready(Ok(())),
                Some(End::Failed(error)) => return Poll::Ready(Err(error.into())),
                None => {}
            }
            let start = buf.filled().len();
            ready!(this.poll_fill(cx, buf))?;
            let came = buf.filled_mut().get_mut(start..).unwrap_or_default();
            if came.is_empty() {
                return Poll::Ready(if this.deframer.between_messages() {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                });
            }
            let packets = this.deframer.decode(came);
            buf.set_filled(start + packets);
            this.react();
            if packets > 0 {
                if this.control.is_some() && !this.writer_waits {
                    let _ = this.poll_control(cx);
                }
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WsIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        batch: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut taken = 0;
        while let Some(rest) = batch.get(taken..).filter(|rest| !rest.is_empty()) {
            match this.poll_write_some(cx, rest) {
                Poll::Ready(Ok(more)) => taken += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if taken > 0 => break,
                Poll::Pending => {
                    this.writer_waits = true;
                    return Poll::Pending;
                }
            }
        }
        this.unflushed = true;
        this.writer_waits = false;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.poll_control(cx);
        this.writer_waits = flushed.is_pending();
        flushed
    }

    /// Sends a close frame, unless a message is under way or the peer has been
    /// answered, and ends the stream below.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.queue_close(Some(1000));
        // A peer that is gone needs no goodbye, but the stream its end.
        let _ = ready!(this.poll_control(cx));
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: fmt::Debug> fmt::Debug for WsIo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsIo")
            .field("inner", &self.inner)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
