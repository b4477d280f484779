//! The one task of a connection: it alone reads and writes the transport.
//!
//! It never waits for a user of the client: answers and pushes go where somebody takes them or
//! where the oldest makes room.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::clock::{HeartbeatClock, Tick};
use super::connection::Connection;
use super::error::DisconnectReason;
use super::push::Push;
use super::requests::Reply;
use super::wire::Wire;
use crate::protocol::compression::{InflateError, Inflater};
use crate::protocol::packet::{self, HEARTBEAT, PacketType};
use crate::protocol::{Message, MessageKind, RouteRef, message, route};

/// The transport is read in pieces of at least this size.
const READ_SIZE: usize = 8 * 1024;
/// A read buffer that has grown beyond this is given back once it is empty.
const KEEP_BUFFER: usize = 64 * 1024;
/// How long a connection that has ended may take to send its rest and to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// Everything the task owns.
pub(super) struct Task {
    wire: Box<dyn Wire>,
    connection: Arc<Connection>,
    /// Received and not yet handled; starts with what came behind the handshake reply.
    inbound: BytesMut,
    /// Taken from the outbox, partly sent.
    sending: Cursor<Vec<u8>>,
    /// The transport has not taken all of `sending` yet, or not flushed it.
    busy: bool,
    /// Sending has failed for this reason; what the server said before that is still read.
    broken: Option<DisconnectReason>,
    clock: HeartbeatClock,
    reader: Reader,
}

/// How packets are read.
#[derive(Debug)]
struct Reader {
    inflater: Inflater,
    max_body: usize,
    max_inflated: usize,
}

/// What the transport did; both may have happened at once.
struct Progress {
    received: Option<io::Result<usize>>,
    sent: Option<io::Result<()>>,
}

impl Task {
    pub(super) fn new(
        wire: Box<dyn Wire>,
        connection: Arc<Connection>,
        inbound: BytesMut,
        clock: HeartbeatClock,
        max_body: usize,
        max_inflated: usize,
    ) -> Self {
        let reader = Reader {
            inflater: Inflater::new(),
            max_body,
            max_inflated,
        };
        Self {
            wire,
            connection,
            inbound,
            sending: Cursor::new(Vec::new()),
            busy: false,
            broken: None,
            clock,
            reader,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self) {
        // Whatever stops this task, a runtime that shuts down included, ends the connection.
        let end = EndOnDrop(self.connection.clone());
        let reason = self.serve().await;
        tracing::debug!(%reason, "client connection ended");
        let local = reason == DisconnectReason::Local;
        end.0.end(reason);
        if local {
            // Late or not at all: nobody waits for it.
            let _ = timeout(CLOSE_LIMIT, self.close()).await;
        }
    }

    async fn serve(&mut self) -> DisconnectReason {
        let start = Instant::now();
        let mut alarm = std::pin::pin!(sleep_until(start));
        let connection = self.connection.clone();
        loop {
            if let Err(reason) = self.handle_packets() {
                return reason;
            }
            if connection.has_ended() {
                return DisconnectReason::Local;
            }
            match self.clock.tick(Instant::now()) {
                Tick::Nothing => {}
                Tick::Heartbeat if self.busy => {}
                Tick::Heartbeat => connection.send_if_idle(&HEARTBEAT),
                Tick::Silent => {
                    return self
                        .broken
                        .take()
                        .unwrap_or(DisconnectReason::HeartbeatTimeout);
                }
            }
            self.take_outbox();
            let alarmed = set_alarm(alarm.as_mut(), self.clock.next());
            let progress = tokio::select! {
                biased;
                progress = std::future::poll_fn(|cx| self.poll_wire(cx)) => progress,
                () = connection.wake.notified() => continue,
                () = &mut alarm, if alarmed => continue,
            };
            if let Some(Err(error)) = progress.sent {
                self.give_up_sending(error);
            }
            match progress.received {
                Some(Ok(0)) => {
                    return self.broken.take().unwrap_or(DisconnectReason::ServerClosed);
                }
                Some(Ok(_)) => self.clock.heard(Instant::now()),
                Some(Err(error)) => return reason_of(error),
                None => {}
            }
        }
    }

    /// Moves both directions as far as the transport lets them. Receiving comes first: when the
    /// server has kicked and closed, the kick must be seen before the failure to send.
    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        reserve(&mut self.inbound, self.reader.max_body);
        let received = match self.wire.poll_receive(cx, &mut self.inbound) {
            Poll::Ready(received) => Some(received),
            Poll::Pending => None,
        };
        let sent = match self
            .busy
            .then(|| self.wire.poll_send(cx, &mut self.sending))
        {
            Some(Poll::Ready(sent)) => {
                self.busy = false;
                Some(sent)
            }
            _ => None,
        };
        match (&received, &sent) {
            (None, None) => Poll::Pending,
            _ => Poll::Ready(Progress { received, sent }),
        }
    }

    /// Starts to send what has been queued, once everything before it has left.
    fn take_outbox(&mut self) {
        if self.busy || self.broken.is_some() {
            return;
        }
        self.sending.set_position(0);
        self.connection.take_outbox(self.sending.get_mut());
        self.busy = self.sending.has_remaining();
    }

    /// The connection is lost, but the server may have said why: reads on for a moment.
    fn give_up_sending(&mut self, error: io::Error) {
        self.broken = Some(reason_of(error));
        self.clock = HeartbeatClock::new(Duration::ZERO, CLOSE_LIMIT, Instant::now());
    }

    /// Handles every packet that has arrived whole.
    fn handle_packets(&mut self) -> Result<(), DisconnectReason> {
        let Self {
            inbound,
            reader,
            connection,
            ..
        } = self;
        loop {
            match packet::decode(inbound, reader.max_body) {
                Ok(Some((packet, used))) => {
                    match packet.kind {
                        PacketType::Data => reader.handle_message(packet.body, connection)?,
                        PacketType::Kick => return Err(DisconnectReason::Kicked),
                        PacketType::Heartbeat => {}
                        // A repeated handshake reply changes nothing any more.
                        PacketType::Handshake | PacketType::HandshakeAck => connection.ignore(),
                    }
                    inbound.advance(used);
                }
                Ok(None) => break,
                Err(error) => return Err(DisconnectReason::Protocol(error.to_string())),
            }
        }
        if inbound.is_empty() && inbound.capacity() > KEEP_BUFFER {
            *inbound = BytesMut::new();
        }
        Ok(())
    }

    /// Sends the rest, closes this side and waits for the server to close its own: a socket that
    /// is dropped with unread input takes back what was sent last.
    async fn close(&mut self) -> io::Result<()> {
        if self.broken.is_some() {
            return Ok(());
        }
        loop {
            if self.busy {
                std::future::poll_fn(|cx| self.wire.poll_send(cx, &mut self.sending)).await?;
                self.busy = false;
            }
            self.take_outbox();
            if !self.busy {
                break;
            }
        }
        std::future::poll_fn(|cx| self.wire.poll_close(cx)).await?;
        loop {
            self.inbound.clear();
            reserve(&mut self.inbound, 0);
            let received =
                std::future::poll_fn(|cx| self.wire.poll_receive(cx, &mut self.inbound)).await?;
            if received == 0 {
                return Ok(());
            }
        }
    }
}

impl Reader {
    fn handle_message(
        &mut self,
        body: &[u8],
        connection: &Connection,
    ) -> Result<(), DisconnectReason> {
        let message =
            message::decode(body).map_err(|error| DisconnectReason::Protocol(error.to_string()))?;
        match message.kind {
            MessageKind::Response => {
                let reply = match self.body(&message) {
                    Ok(body) if message.error => Reply::Error(body),
                    Ok(body) => Reply::Body(body),
                    Err(error) => Reply::Unreadable(error),
                };
                connection.answer(message.id, reply);
            }
            MessageKind::Push => match (push_route(&message, connection), self.body(&message)) {
                (Some(route), Ok(body)) => {
                    let serializer = connection.serializer.clone();
                    connection
                        .pushes
                        .deliver(Push::new(route, body, serializer));
                }
                _ => connection.ignore(),
            },
            // Only clients send these.
            MessageKind::Request | MessageKind::Notify => connection.ignore(),
        }
        Ok(())
    }

    fn body(&mut self, message: &Message<'_>) -> Result<Bytes, InflateError> {
        if !message.compressed {
            return Ok(Bytes::copy_from_slice(message.body));
        }
        let mut inflated = Vec::new();
        self.inflater
            .inflate(message.body, self.max_inflated, &mut inflated)?;
        Ok(inflated.into())
    }
}

/// The route of a push; `None` for a code that the server never announced.
fn push_route(message: &Message<'_>, connection: &Connection) -> Option<Arc<str>> {
    match message.route {
        RouteRef::Name(name) => Some(route::text(name).into()),
        RouteRef::Code(code) => connection.dictionary.route(code).map(Arc::from),
    }
}

/// Makes room for a read of reasonable size: more for the rest of a large packet, but never all at
/// once on the word of its header alone.
pub(super) fn reserve(inbound: &mut BytesMut, max_body: usize) {
    let missing = match packet::peek_header(inbound, max_body) {
        Ok(Some((_, total))) => total.saturating_sub(inbound.len()),
        _ => 0,
    };
    if inbound.capacity().saturating_sub(inbound.len()) < READ_SIZE / 2 {
        inbound.reserve(missing.clamp(READ_SIZE, KEEP_BUFFER));
    }
}

/// Sets the alarm to `at`; false if there is none. An alarm that is too early does no harm, so it
/// is only moved when it has to be.
fn set_alarm(mut alarm: Pin<&mut Sleep>, at: Option<Instant>) -> bool {
    let Some(at) = at else { return false };
    if alarm.is_elapsed() || alarm.deadline() > at {
        alarm.as_mut().reset(at);
    }
    true
}

fn reason_of(error: io::Error) -> DisconnectReason {
    match error.kind() {
        // How the transport reports a violation of its own protocol.
        io::ErrorKind::InvalidData => DisconnectReason::Protocol(error.to_string()),
        _ => error.into(),
    }
}

struct EndOnDrop(Arc<Connection>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(DisconnectReason::Local);
    }
}
