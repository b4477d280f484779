//! The I/O half: [`WsIo`] drives the pure deframer and framer over a byte
//! stream.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    control::Outgoing,
    deframer::{Deframer, End, Limits},
    framer::Framer,
};
use crate::scratch::{self, Scratch};

/// Most bytes handed to the socket at once, and so the size that a thread's
/// scratch buffer may grow to.
const MAX_WRITE: usize = 64 * 1024;

/// From this many bytes on, payload goes to the socket straight from the
/// caller's batch: the system call is then worth more than the copy saves.
const STRAIGHT: usize = 16 * 1024;

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
    pub(super) fn new(inner: S, early: Vec<u8>, limits: Limits) -> Self {
        let early = (!early.is_empty()).then(|| {
            Box::new(Early {
                bytes: early,
                read: 0,
            })
        });
        Self {
            inner,
            deframer: Deframer::new(limits),
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
        scratch::with(Scratch::WebSocket, |scratch| {
            self.poll_write_framed(cx, batch, scratch)
        })
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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::net::TcpStream;

    use super::*;
    use crate::protocol::{PacketType, packet};

    /// A stream whose reads and writes are scripted and counted.
    #[derive(Default)]
    struct Scripted {
        input: Vec<Vec<u8>>,
        output: Vec<u8>,
        writes: usize,
        /// What the next writes may take; `None` when all of this is used up.
        room: Option<usize>,
        flushes: usize,
        shut_down: bool,
    }

    impl AsyncRead for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if self.input.is_empty() {
                return Poll::Pending;
            }
            buf.put_slice(&self.input.remove(0));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Scripted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.room.unwrap_or(usize::MAX));
            if taken == 0 {
                return Poll::Pending;
            }
            self.writes += 1;
            self.room = self.room.map(|room| room - taken);
            self.output.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.shut_down = true;
            Poll::Ready(Ok(()))
        }
    }

    fn socket(input: &[&[u8]], room: Option<usize>) -> WsIo<Scripted> {
        let inner = Scripted {
            input: input.iter().map(|part| part.to_vec()).collect(),
            room,
            ..Scripted::default()
        };
        WsIo::new(inner, Vec::new(), Limits::default())
    }

    fn read(io: &mut WsIo<Scripted>) -> Poll<io::Result<Vec<u8>>> {
        let mut bytes = [0; 256];
        let mut buf = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(io)
            .poll_read(&mut cx, &mut buf)
            .map_ok(|()| buf.filled().to_vec())
    }

    fn write(io: &mut WsIo<Scripted>, batch: &[u8]) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(io).poll_write(&mut cx, batch)
    }

    fn flush(io: &mut WsIo<Scripted>) -> Poll<io::Result<()>> {
        Pin::new(io).poll_flush(&mut Context::from_waker(Waker::noop()))
    }

    fn shutdown(io: &mut WsIo<Scripted>) -> Poll<io::Result<()>> {
        Pin::new(io).poll_shutdown(&mut Context::from_waker(Waker::noop()))
    }

    fn ready<T>(poll: Poll<io::Result<T>>) -> T {
        match poll {
            Poll::Ready(Ok(value)) => value,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => panic!("pending"),
        }
    }

    const BEAT_FRAME: &[u8] = b"\x82\x84\0\0\0\0\x03\0\0\0";
    const PING: &[u8] = b"\x89\x82\0\0\0\0hi";
    const PONG: &[u8] = b"\x8a\x02hi";
    const BEAT_OUT: &[u8] = b"\x82\x04\x03\0\0\0";

    fn assert_at_rest(io: &WsIo<Scripted>) {
        assert!(io.control.is_none() && io.early.is_none());
        assert!(io.deframer.between_messages() && io.framer.between_messages());
    }

    #[test]
    fn a_connection_at_rest_is_small() {
        let more = size_of::<WsIo<TcpStream>>() - size_of::<TcpStream>();
        assert!(more <= 128, "{more} bytes over the TCP stream");
    }

    #[test]
    fn packets_come_out_of_one_read_together_and_leave_nothing_behind() {
        let mut io = socket(&[&[BEAT_FRAME, PING, BEAT_FRAME].concat()], None);
        assert_eq!(ready(read(&mut io)), [3, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(io.inner.output, PONG);
        assert_eq!(io.inner.flushes, 1);
        assert!(read(&mut io).is_pending());
        assert_at_rest(&io);
    }

    #[test]
    fn what_came_behind_the_request_is_read_first() {
        let mut io = socket(&[&BEAT_FRAME[5..]], None);
        let early = [BEAT_FRAME, &BEAT_FRAME[..5]].concat();
        io.early = Some(Box::new(Early {
            bytes: early,
            read: 0,
        }));
        assert_eq!(ready(read(&mut io)), packet::HEARTBEAT);
        assert_eq!(ready(read(&mut io)), packet::HEARTBEAT);
        assert_at_rest(&io);
    }

    #[test]
    fn a_batch_is_one_write() {
        let mut io = socket(&[], None);
        let batch = packet::HEARTBEAT.repeat(1000);
        assert_eq!(ready(write(&mut io, &batch)), 4000);
        assert_eq!(io.inner.writes, 1);
        assert!(io.inner.output == BEAT_OUT.repeat(1000));
        assert_at_rest(&io);
    }

    #[test]
    fn a_large_packet_goes_out_whole() {
        let body: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        let mut batch = packet::HEARTBEAT.to_vec();
        packet::encode(PacketType::Data, &body, &mut batch).unwrap();
        batch.extend_from_slice(&packet::HEARTBEAT);
        for room in [None, Some(1), Some(7), Some(70_000)] {
            let mut io = socket(&[], room);
            let mut at = 0;
            while at < batch.len() {
                match write(&mut io, &batch[at..]) {
                    Poll::Ready(taken) => at += taken.unwrap(),
                    Poll::Pending => io.inner.room = Some(room.unwrap() * 50),
                }
            }
            let mut expected = BEAT_OUT.to_vec();
            expected.extend_from_slice(b"\x82\x7f\0\0\0\0");
            expected.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
            expected.extend_from_slice(&batch[4..batch.len() - 4]);
            expected.extend_from_slice(BEAT_OUT);
            assert!(io.inner.output == expected, "{room:?}");
            assert_at_rest(&io);
        }
    }

    #[test]
    fn a_pong_waits_for_the_end_of_the_message_under_way() {
        let mut io = socket(&[PING], Some(4));
        assert_eq!(ready(write(&mut io, &packet::HEARTBEAT)), 2);
        assert!(write(&mut io, &packet::HEARTBEAT[2..]).is_pending());
        assert!(read(&mut io).is_pending());
        io.inner.room = None;
        assert_eq!(ready(write(&mut io, &packet::HEARTBEAT[2..])), 2);
        ready(flush(&mut io));
        assert_eq!(io.inner.output, [BEAT_OUT, PONG].concat());
        assert_at_rest(&io);
    }

    #[test]
    fn a_pong_the_socket_refuses_goes_out_with_a_later_read_or_write() {
        let mut io = socket(&[PING], Some(1));
        assert!(read(&mut io).is_pending());
        assert_eq!(io.inner.output, PONG[..1]);
        io.inner.room = Some(1);
        assert!(read(&mut io).is_pending());
        assert_eq!(io.inner.output, PONG[..2]);
        io.inner.room = None;
        assert_eq!(ready(write(&mut io, &packet::HEARTBEAT)), 4);
        assert_eq!(io.inner.output, [PONG, BEAT_OUT].concat());
        assert_at_rest(&io);
    }

    #[test]
    fn a_peer_that_pings_and_never_reads_fills_no_memory() {
        let pings = PING.repeat(20);
        let mut io = socket(&[&pings, &pings, &pings], Some(1));
        assert!(read(&mut io).is_pending());
        let queued = io.control.as_ref().unwrap().bytes();
        assert_eq!(queued, [&PONG[1..], PONG].concat());
    }

    #[test]
    fn a_close_frame_is_answered_and_is_the_end() {
        let close = b"\x88\x82\0\0\0\0\x03\xe9";
        let mut io = socket(&[&[BEAT_FRAME, close, BEAT_FRAME].concat()], None);
        assert_eq!(ready(read(&mut io)), packet::HEARTBEAT);
        assert_eq!(ready(read(&mut io)), b"");
        assert_eq!(io.inner.output, b"\x88\x02\x03\xe9");
        let Poll::Ready(Err(error)) = write(&mut io, &packet::HEARTBEAT) else {
            panic!("data after the close frame");
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        ready(shutdown(&mut io));
        assert_eq!(io.inner.output, b"\x88\x02\x03\xe9");
        assert!(io.inner.shut_down);
    }

    #[test]
    fn packets_before_a_broken_rule_are_still_read() {
        let mut io = socket(&[&[BEAT_FRAME, b"\x82\x80\0\0\0\0"].concat()], None);
        assert_eq!(ready(read(&mut io)), packet::HEARTBEAT);
        for _ in 0..2 {
            let Poll::Ready(Err(error)) = read(&mut io) else {
                panic!("no error");
            };
            assert_eq!(error.to_string(), "invalid header");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        assert_eq!(io.inner.output, b"\x88\x02\x03\xea");
    }

    #[test]
    fn an_end_inside_a_message_is_no_clean_end() {
        let mut io = socket(&[&BEAT_FRAME[..7], b""], None);
        assert_eq!(ready(read(&mut io)), [3]);
        let Poll::Ready(Err(error)) = read(&mut io) else {
            panic!("no error");
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut io = socket(&[BEAT_FRAME, b""], None);
        assert_eq!(ready(read(&mut io)), packet::HEARTBEAT);
        assert_eq!(ready(read(&mut io)), b"");
    }

    #[test]
    fn shutting_down_says_so_unless_a_message_is_under_way() {
        let mut io = socket(&[], None);
        ready(shutdown(&mut io));
        assert_eq!(io.inner.output, b"\x88\x02\x03\xe8");
        assert!(io.inner.shut_down);

        let mut io = socket(&[], Some(5));
        assert_eq!(ready(write(&mut io, &packet::HEARTBEAT)), 3);
        io.inner.room = None;
        ready(shutdown(&mut io));
        assert_eq!(io.inner.output, BEAT_OUT[..5]);
        assert!(io.inner.shut_down);
    }
}
