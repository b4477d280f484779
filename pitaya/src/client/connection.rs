//! What the handles and the task of one connection share: the outbound bytes, the waiting
//! requests, the pushes and the end.
//!
//! No lock is held across an await, and the first reason for the end is the one that stays.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::timeout;

use super::error::{DisconnectReason, Error};
use super::push::PushHub;
use super::requests::{Reply, Requests};
use crate::error_body;
use crate::message::Serializer;
use crate::protocol::compression::Deflater;
use crate::protocol::packet::{self, PacketType};
use crate::protocol::{Dictionary, MessageKind, RouteRef, message};

/// Senders wait while this many bytes have not been taken for sending yet.
const OUTBOX_LIMIT: usize = 1 << 20;

/// One connection, without its transport.
#[derive(Debug)]
pub(super) struct Connection {
    outgoing: Mutex<Outgoing>,
    /// Tells the task that there is something to send, or that the end has come.
    pub(super) wake: Notify,
    /// Tells senders that the outbox has been taken.
    room: Notify,
    /// One permit per request that may wait for its answer.
    in_flight: Semaphore,
    /// Why the connection ended; nothing while it lives.
    ended: watch::Sender<Option<DisconnectReason>>,
    pub(super) pushes: Arc<PushHub>,
    /// Messages from the server that nobody was waiting for or could use.
    pub(super) ignored: AtomicU64,
    pub(super) serializer: Serializer,
    pub(super) dictionary: Dictionary,
    pub(super) heartbeat: Duration,
    pub(super) request_timeout: Duration,
    /// Present if bodies are to be compressed.
    deflater: Option<Mutex<Deflater>>,
}

/// What is decided once, before there is a connection.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) serializer: Serializer,
    pub(super) dictionary: Dictionary,
    pub(super) heartbeat: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_in_flight: usize,
    pub(super) push_buffer: usize,
    pub(super) compress: bool,
}

#[derive(Debug, Default)]
struct Outgoing {
    /// Whole packets, not yet taken by the task.
    outbox: Vec<u8>,
    requests: Requests,
    closed: bool,
}

impl Connection {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            outgoing: Mutex::default(),
            wake: Notify::new(),
            room: Notify::new(),
            in_flight: Semaphore::new(terms.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            ended: watch::Sender::new(None),
            pushes: Arc::new(PushHub::new(terms.push_buffer)),
            ignored: AtomicU64::new(0),
            serializer: terms.serializer,
            dictionary: terms.dictionary,
            heartbeat: terms.heartbeat,
            request_timeout: terms.request_timeout,
            deflater: terms.compress.then(Mutex::default),
        }
    }

    /// Sends a request and waits for its answer, all within the request timeout.
    pub(super) async fn request(&self, route: &str, body: &[u8]) -> Result<Bytes, Error> {
        match timeout(self.request_timeout, self.exchange(route, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn exchange(&self, route: &str, body: &[u8]) -> Result<Bytes, Error> {
        let Ok(_permit) = self.in_flight.acquire().await else {
            return Err(self.gone());
        };
        let mut ticket = self.send_request(route, body).await?;
        match (&mut ticket.answer).await {
            Ok(Reply::Body(body)) => Ok(body),
            Ok(Reply::Error(body)) => Err(Error::Server(error_body::read(&self.serializer, &body))),
            Ok(Reply::Unreadable(error)) => Err(Error::Inflate(error)),
            Err(_) => Err(self.gone()),
        }
    }

    async fn send_request(&self, route: &str, body: &[u8]) -> Result<Ticket<'_>, Error> {
        self.send(body, |outgoing, body, compressed| {
            let id = outgoing.requests.next_id();
            let kind = MessageKind::Request;
            outgoing.append(kind, id, self.route_ref(route), compressed, body)?;
            let answer = outgoing.requests.expect(id);
            Ok(Ticket {
                connection: self,
                id,
                answer,
            })
        })
        .await
    }

    /// Queues a notify; waits only while the outbox is full, at most for the request timeout.
    pub(super) async fn notify(&self, route: &str, body: &[u8]) -> Result<(), Error> {
        let sent = self.send(body, |outgoing, body, compressed| {
            outgoing.append(
                MessageKind::Notify,
                0,
                self.route_ref(route),
                compressed,
                body,
            )
        });
        match timeout(self.request_timeout, sent).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Waits until the outbox has room, then lets `write` append to it.
    async fn send<T>(
        &self,
        body: &[u8],
        write: impl FnOnce(&mut Outgoing, &[u8], bool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (body, compressed) = self.compress(body);
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            // From here on no wake-up is missed, although it is awaited only below.
            room.as_mut().enable();
            {
                let mut outgoing = self.outgoing.lock();
                if outgoing.closed {
                    drop(outgoing);
                    return Err(self.gone());
                }
                if outgoing.outbox.len() < OUTBOX_LIMIT {
                    let written = write(&mut outgoing, &body, compressed);
                    drop(outgoing);
                    self.wake.notify_one();
                    return written;
                }
            }
            room.await;
        }
    }

    /// The body as it is to be sent, and whether that is compressed.
    fn compress<'b>(&self, body: &'b [u8]) -> (Cow<'b, [u8]>, bool) {
        if let Some(deflater) = &self.deflater {
            let mut shorter = Vec::new();
            if deflater.lock().compress(body, &mut shorter) {
                return (Cow::Owned(shorter), true);
            }
        }
        (Cow::Borrowed(body), false)
    }

    /// The code of a route that is in the dictionary, else its text.
    fn route_ref<'r>(&self, route: &'r str) -> RouteRef<'r> {
        match self.dictionary.code(route) {
            Some(code) => RouteRef::Code(code),
            None => RouteRef::Name(route.as_bytes()),
        }
    }

    /// Hands an answer to the request it belongs to.
    pub(super) fn answer(&self, id: u64, reply: Reply) {
        if !self.outgoing.lock().requests.answer(id, reply) {
            self.ignore();
        }
    }

    /// Counts a message that is of no use.
    pub(super) fn ignore(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// Queues a ready packet if nothing else is waiting to be sent: whatever waits says as much.
    pub(super) fn send_if_idle(&self, packet: &[u8]) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.outbox.is_empty() && !outgoing.closed {
            outgoing.outbox.extend_from_slice(packet);
        }
    }

    /// Exchanges the outbox for `empty`.
    pub(super) fn take_outbox(&self, empty: &mut Vec<u8>) {
        empty.clear();
        std::mem::swap(&mut self.outgoing.lock().outbox, empty);
        if empty.len() >= OUTBOX_LIMIT {
            self.room.notify_waiters();
        }
    }

    /// Ends the connection for everybody who uses it; only the first reason counts. The task
    /// notices and closes the transport.
    pub(super) fn end(&self, reason: DisconnectReason) {
        let first = self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(reason);
            }
            first
        });
        if !first {
            return;
        }
        {
            let mut outgoing = self.outgoing.lock();
            outgoing.closed = true;
            outgoing.requests.clear();
        }
        self.in_flight.close();
        self.room.notify_waiters();
        self.pushes.end();
        self.wake.notify_one();
    }

    /// Whether the end has come.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The error for somebody who finds the connection ended.
    pub(super) fn gone(&self) -> Error {
        let reason = self.ended.borrow().clone();
        Error::Disconnected(reason.unwrap_or(DisconnectReason::Local))
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) -> DisconnectReason {
        let mut ended = self.ended.subscribe();
        // The sender lives in `self`, so there is always a reason in the end.
        let reason = ended
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|reason| reason.clone());
        reason.unwrap_or(DisconnectReason::Local)
    }
}

impl Outgoing {
    /// Appends one message as a whole packet; on an error the outbox is as before.
    fn append(
        &mut self,
        kind: MessageKind,
        id: u32,
        route: RouteRef<'_>,
        compressed: bool,
        body: &[u8],
    ) -> Result<(), Error> {
        let out = &mut self.outbox;
        let mark = packet::begin(PacketType::Data, out);
        let head = message::encode_head(kind, u64::from(id), route, false, compressed, out);
        if let Err(error) = head {
            out.truncate(mark.position());
            return Err(Error::Route(error));
        }
        out.extend_from_slice(body);
        packet::finish(mark, out).map_err(Error::Packet)
    }
}

/// A request that waits; when it is dropped nobody waits any more.
struct Ticket<'a> {
    connection: &'a Connection,
    id: u32,
    answer: oneshot::Receiver<Reply>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.connection.outgoing.lock().requests.forget(self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_request_that_is_dropped_leaves_nothing_behind() {
        let connection = Connection::new(Terms {
            serializer: Serializer::Json,
            dictionary: Dictionary::default(),
            heartbeat: Duration::ZERO,
            request_timeout: Duration::MAX,
            max_in_flight: 1,
            push_buffer: 1,
            compress: false,
        });
        let mut request = Box::pin(connection.exchange("a.b", b""));
        assert!(request.as_mut().now_or_never().is_none());
        assert_eq!(connection.outgoing.lock().requests.len(), 1);
        assert_eq!(connection.in_flight.available_permits(), 0);
        drop(request);
        assert_eq!(connection.outgoing.lock().requests.len(), 0);
        assert_eq!(connection.in_flight.available_permits(), 1);
    }
}
