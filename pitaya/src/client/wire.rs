//! The transport under a connection: bytes in, whole packets out, over any stream.
//!
//! The rest of the client sees only this trait, so TCP, WebSocket and an in-memory pipe behave
//! alike. A transport must never look inside a packet beyond its header.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};
use tokio_websockets::{Message, WebSocketStream};

use crate::protocol::packet::{self, MAX_BODY_LEN};

/// Any connected byte stream.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A connected transport.
pub(super) trait Wire: Send {
    /// Appends what has arrived; 0 bytes are the end. `into` has spare room.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<io::Result<usize>>;

    /// Sends `packets`, a number of whole packets, and is ready when all have left.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Cursor<Vec<u8>>,
    ) -> Poll<io::Result<()>>;

    /// Ends the sending side in the transport's own way.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Packets one after the other on a byte stream.
pub(super) struct StreamWire(pub(super) Box<dyn ByteStream>);

impl Wire for StreamWire {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read_buf(Pin::new(&mut self.0), cx, into)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Cursor<Vec<u8>>,
    ) -> Poll<io::Result<()>> {
        while packets.has_remaining() {
            if ready!(poll_write_buf(Pin::new(&mut self.0), cx, packets))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// One packet per WebSocket message (the client protocol, 1.4).
pub(super) struct WebSocketWire(pub(super) WebSocketStream<Box<dyn ByteStream>>);

impl Wire for WebSocketWire {
    /// Text and binary messages alike; a message may hold several packets, which no known server
    /// sends and which does no harm.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            let message = match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => return Poll::Ready(Ok(0)),
            };
            if message.is_close() {
                return Poll::Ready(Ok(0));
            }
            // Pings are answered by the library; an empty message must not look like the end.
            if (message.is_binary() || message.is_text()) && !message.as_payload().is_empty() {
                into.extend_from_slice(message.as_payload());
                return Poll::Ready(Ok(message.as_payload().len()));
            }
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut Cursor<Vec<u8>>,
    ) -> Poll<io::Result<()>> {
        let mut socket = Pin::new(&mut self.0);
        while packets.has_remaining() {
            ready!(socket.as_mut().poll_ready(cx)).map_err(io_error)?;
            let rest = packets.chunk();
            let len = match packet::peek_header(rest, MAX_BODY_LEN) {
                Ok(Some((_, len))) => len,
                _ => rest.len(),
            };
            let packet = Bytes::copy_from_slice(rest.get(..len).unwrap_or(rest));
            packets.advance(packet.len());
            socket
                .as_mut()
                .start_send(Message::binary(packet))
                .map_err(io_error)?;
        }
        socket.poll_flush(cx).map_err(io_error)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx).map_err(io_error)
    }
}

/// What the library reports, with violations of its protocol as invalid data.
fn io_error(error: tokio_websockets::Error) -> io::Error {
    match error {
        tokio_websockets::Error::Io(error) => error,
        tokio_websockets::Error::AlreadyClosed => io::ErrorKind::NotConnected.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
