//! The last steps of a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Conn;
use crate::agent::machine::Phase;
use crate::app::Core;
use crate::protocol::packet::{self, PacketType};
use crate::session::Session;
use crate::session::outbound::End;

/// How much a closing connection still reads, so that the kernel does not reset it over unread input.
const DRAIN: u16 = u16::MAX;

#[derive(Debug, Clone, Copy)]
pub(super) enum Closing {
    /// Write what is queued.
    Flush,
    /// Tell the peer that nothing more comes.
    Shutdown,
    /// Read what the peer still sends: this much more at most.
    Drain(u16),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Conn<IO> {
    /// Lets queued messages leave if the session's end asks for it, shuts the connection down, and
    /// reads a little more so that the peer gets what was sent.
    pub(in crate::agent) fn poll_close(
        &mut self,
        cx: &mut TaskContext<'_>,
        core: &Arc<Core>,
        session: &Session,
    ) -> Poll<()> {
        loop {
            match self.closing {
                Closing::Flush => {
                    let flushed = session.out().end() == Some(End::Flush)
                        && self.flush(cx, core, session).is_ok();
                    if flushed && self.output.is_blocked() {
                        // An abrupt end does not wait until the peer takes something.
                        session.out().register(cx.waker());
                        if session.out().end() == Some(End::Flush) {
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

    /// Whether [`Conn::poll_close`] only waits for the peer by now.
    pub(in crate::agent) fn is_draining(&self) -> bool {
        matches!(self.closing, Closing::Drain(_))
    }

    /// How many messages have come that nobody will serve.
    pub(in crate::agent) fn unserved(&self) -> u64 {
        if self.machine.phase() != Phase::Working {
            return 0;
        }
        let mut rest = self.input.unread();
        let mut messages = 0;
        while let Ok(Some((packet, used))) = packet::decode(rest, packet::MAX_BODY_LEN) {
            messages += u64::from(packet.kind == PacketType::Data);
            rest = rest.get(used..).unwrap_or_default();
        }
        messages
    }
}
