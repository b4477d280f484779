//! Sessions: who is behind a connection, what is known of them, and the way to reach them.
//!
//! A session and its connection are two things: the session owns identity, data and the outbound
//! queue, the connection's task borrows them while it lives.

pub(crate) mod backlog;
mod bind;
mod close;
mod data;
mod frame;
mod latest;
pub(crate) mod outbound;
mod pool;
mod remote;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) use close::CloseCallback;
pub use close::CloseReason;
pub use data::DataError;
pub(crate) use frame::PushFrames;
pub use pool::Sessions;
pub(crate) use pool::{Most, Place, SessionPool};
pub(crate) use remote::{Origin, parse_data};

use crate::app::AppHandle;
use crate::cluster::Lanes;
use crate::error::{Error, Result, codes};
use crate::error_body;
use crate::message::{AnyMessage, Body, CodecError, Serializer};
use crate::observe::Limit;
use crate::protocol::handshake::HandshakeData;
use crate::protocol::packet;
use crate::uid::Uid;
use outbound::{End, Keyed, Outbound, Refused};

/// One client of this server, from its connection to its end; cheap to clone.
///
/// Handlers get at it by [`Context::session`](crate::Context::session); other code by id or user id
/// through [`AppHandle::sessions`]. A clone may outlive the connection: then pushes fail with
/// `PIT-499` and everything else still answers.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

pub(crate) struct Inner {
    id: u64,
    app: AppHandle,
    peer: Option<SocketAddr>,
    /// The client is connected to another server: this is a copy for one call.
    remote: Option<Box<remote::Remote>>,
    pub(crate) out: Outbound,
    state: Mutex<State>,
    /// The client has shown that it understands route codes, so pushes may use them.
    takes_codes: AtomicBool,
    /// The pool knows it.
    pooled: AtomicBool,
    /// Calls of `#[route(concurrent)]` methods under way.
    overlapping: AtomicU32,
    /// Bytes of their bodies.
    overlapping_bytes: AtomicU32,
    /// Messages on their way to other servers.
    forwarding: AtomicU32,
}

/// What changes rarely. Everything that most idle sessions lack is behind a pointer.
#[derive(Default)]
struct State {
    uid: Option<Uid>,
    /// A bind is under way: no second one may start.
    binding: bool,
    /// The cluster's transport brings the user's messages here.
    subscribed: bool,
    closed: Option<CloseReason>,
    /// A callback registered from now on runs at once.
    callbacks_done: bool,
    handshake: Option<Arc<HandshakeData>>,
    extras: Option<Box<Extras>>,
}

#[derive(Default)]
struct Extras {
    data: data::Data,
    states: data::States,
    on_close: Vec<CloseCallback>,
    /// When it was bound, in a cluster; see [`Session::bind_epoch`].
    bind_epoch: u64,
    /// While a bind is under way: who had the user before, and gets it back if the bind fails.
    displaced: Option<Session>,
    /// Messages on their way to other servers.
    lanes: Lanes,
    /// Cancelled when the session closes; made when somebody asks.
    closed: Option<CancellationToken>,
    /// What the client has shown in TLS.
    certificates: Option<Arc<[Vec<u8>]>>,
}

impl Session {
    pub(crate) fn new(id: u64, app: AppHandle, peer: Option<SocketAddr>) -> Self {
        Self::build(id, app, peer, None)
    }

    fn build(
        id: u64,
        app: AppHandle,
        peer: Option<SocketAddr>,
        remote: Option<Box<remote::Remote>>,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            app,
            peer,
            remote,
            out: Outbound::new(),
            state: Mutex::new(State::default()),
            takes_codes: AtomicBool::new(false),
            pooled: AtomicBool::new(false),
            overlapping: AtomicU32::new(0),
            overlapping_bytes: AtomicU32::new(0),
            forwarding: AtomicU32::new(0),
        }))
    }

    /// The session's number, unique in this process while it runs, from 1.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The user this session is bound to.
    pub fn uid(&self) -> Option<Uid> {
        self.0.state.lock().uid.clone()
    }

    /// The app this session belongs to.
    pub fn app(&self) -> &AppHandle {
        &self.0.app
    }

    /// The client's address; `None` for acceptors without addresses.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// The certificates that the client has shown in TLS, its own first, in DER. `None` where it has
    /// shown none, and on another server than the client's own.
    pub fn peer_certificates(&self) -> Option<Arc<[Vec<u8>]>> {
        self.0.state.lock().extras.as_ref()?.certificates.clone()
    }

    pub(crate) fn set_peer_certificates(&self, shown: Arc<[Vec<u8>]>) {
        self.0.state.lock().extras().certificates = Some(shown);
    }

    /// What the client said of itself in the handshake; `None` before that.
    pub fn handshake(&self) -> Option<Arc<HandshakeData>> {
        self.0.state.lock().handshake.clone()
    }

    /// Pushes a message to the client, behind everything queued so far.
    ///
    /// # Errors
    /// `PIT-499` when the connection is closed or its queue is full (which closes it, unless
    /// configured otherwise), `PIT-000` when the message cannot be encoded or the route is longer
    /// than 255 bytes.
    pub async fn push<T: Body>(&self, route: &str, message: &T) -> Result<()> {
        if self.is_remote() {
            return self.push_remote(None, route, message).await;
        }
        let mut frames = PushFrames::new(&self.0.app, route, message)?;
        self.deliver(&mut frames)
    }

    /// Pushes a message that makes an earlier one pointless: one of the same key that has not left yet
    /// is taken back, so that a client that reads slowly gets the latest of each key and is not given
    /// up over messages that nobody needs any more.
    ///
    /// The message goes behind everything queued so far, as with [`Session::push`]: what leaves, leaves
    /// in the order in which it was pushed. What was taken back is counted
    /// (`pitaya_agent_dropped_messages_total`, cause `replaced`). Of one client
    /// `pitaya.buffer.agent.keys` keys are told apart while they wait; with further ones it is an
    /// ordinary push. From another server than the client's own the key travels with the message; a Go
    /// frontend takes that for an ordinary push.
    ///
    /// # Errors
    /// As [`Session::push`].
    pub async fn push_latest<T: Body>(&self, key: &str, route: &str, message: &T) -> Result<()> {
        if self.is_remote() {
            return self.push_remote(Some(key), route, message).await;
        }
        let mut frames = PushFrames::new(&self.0.app, route, message)?;
        self.deliver_latest(key, &mut frames)
    }

    /// Kicks the client: everything queued still leaves, then the kick packet, then the connection
    /// closes. A second call does nothing.
    ///
    /// # Errors
    /// None on the client's own server; elsewhere the session needs a user, and the call to its
    /// own server may fail.
    pub async fn kick(&self) -> Result<()> {
        if let Some(remote) = &self.0.remote {
            return self.kick_remote(remote).await;
        }
        self.kick_here();
        Ok(())
    }

    /// Kicks a client of this server.
    pub(crate) fn kick_here(&self) {
        self.end(CloseReason::Kicked, End::Flush, &packet::KICK);
    }

    /// Closes the connection without a kick packet, after what is queued has left. A second call
    /// does nothing.
    ///
    /// On another server than the client's own it does nothing: the copy dies with its call.
    pub async fn close(&self) {
        if !self.is_remote() {
            self.end(CloseReason::Closed, End::Flush, &[]);
        }
    }

    /// Why the session ended; `None` while it lives.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.0.state.lock().closed
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    /// Waits until the session ends.
    pub async fn closed(&self) {
        let token = {
            let mut state = self.0.state.lock();
            if state.closed.is_some() {
                return;
            }
            state.extras().closed.get_or_insert_default().clone()
        };
        token.cancelled().await;
    }

    /// Sets why the session ends, unless that is known already, and what still leaves.
    pub(crate) fn end(&self, reason: CloseReason, end: End, last: &'static [u8]) {
        // First, so that whoever sees the queue's end knows why.
        self.set_close_reason(reason);
        self.0.out.finish(end, last);
    }

    pub(crate) fn out(&self) -> &Outbound {
        &self.0.out
    }

    pub(crate) fn deliver(&self, frames: &mut PushFrames<'_>) -> Result<()> {
        let limits = self.0.app.limits();
        let coded = self.0.takes_codes.load(Ordering::Relaxed);
        let frame = frames.frame(coded)?;
        match self.0.out.push(frame, &limits.outbound) {
            Ok(room) => {
                self.0.app.metrics().queue_room.record(room as f64);
                Ok(())
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// A push, which replaces the one of its key if it has one.
    #[inline]
    pub(crate) fn deliver_keyed(
        &self,
        key: Option<&str>,
        frames: &mut PushFrames<'_>,
    ) -> Result<()> {
        match key {
            None => self.deliver(frames),
            Some(key) => self.deliver_latest(key, frames),
        }
    }

    /// The same for a push that replaces the one of its key.
    fn deliver_latest(&self, key: &str, frames: &mut PushFrames<'_>) -> Result<()> {
        let coded = self.0.takes_codes.load(Ordering::Relaxed);
        let frame = frames.frame(coded)?;
        let bounds = &self.0.app.limits().outbound;
        let (room, keyed) = self
            .0
            .out
            .push_latest(key, frame, bounds)
            .map_err(|refused| self.refused(refused))?;
        let metrics = self.0.app.metrics();
        metrics.queue_room.record(room as f64);
        match keyed {
            Keyed::Added => {}
            Keyed::Replaced => metrics.replaced.increment(1),
            Keyed::Plain => metrics.limit_reached(Limit::Keys),
        }
        Ok(())
    }

    /// What a push that was not queued answers. A full queue ends the session, unless configured
    /// otherwise.
    #[cold]
    fn refused(&self, refused: Refused) -> Error {
        match refused {
            Refused::Closed => broken_pipe(),
            Refused::Full => {
                self.0.app.metrics().outbound_overflow.increment(1);
                if self.0.app.limits().close_on_overflow {
                    self.end(CloseReason::Overflow, End::Drop, &[]);
                }
                Error::new(codes::CLIENT_CLOSED, "the session's outbound queue is full")
            }
        }
    }

    /// Queues the answer to request `id`.
    pub(crate) fn reply<T: Body>(&self, id: u64, value: &T, wake: Wake) -> Result<()> {
        let app = &self.0.app;
        frame::reply(self, id, Flag::Ok, wake, |out| {
            value.encode(app.serializer(), out)
        })
    }

    /// Queues the answer to request `id`, of a type known only at run time.
    pub(crate) fn reply_any(&self, id: u64, value: &dyn AnyMessage, wake: Wake) -> Result<()> {
        let serializer = self.0.app.serializer();
        frame::reply(self, id, Flag::Ok, wake, |out| {
            encode_any(serializer, value, out)
        })
    }

    /// Queues an error as the answer to request `id`.
    pub(crate) fn reply_error(&self, id: u64, error: &Error, wake: Wake) {
        let serializer = self.0.app.serializer();
        let queued = frame::reply(self, id, Flag::Error, wake, |out| {
            error_body::write(error, serializer, out)
        });
        // That the client has left is counted where it is noticed.
        if let Err(problem) = queued
            && !self.is_closed()
        {
            tracing::error!(session = self.0.id, %problem, "an error reply was not encoded");
        }
    }

    /// The client understands route codes.
    pub(crate) fn set_takes_codes(&self) {
        // A plain load first: the line stays shared between cores.
        if !self.0.takes_codes.load(Ordering::Relaxed) {
            self.0.takes_codes.store(true, Ordering::Relaxed);
        }
    }

    /// The client broke the protocol, as a task other than the connection's own noticed.
    pub(crate) fn end_broken(&self) {
        self.end(CloseReason::Protocol, End::Drop, &[]);
    }

    pub(crate) fn set_handshake(&self, data: Arc<HandshakeData>) {
        self.0.state.lock().handshake = Some(data);
    }

    /// Lends the session's lanes to `f`, under a lock.
    pub(crate) fn with_lanes<R>(&self, f: impl FnOnce(&mut Lanes) -> R) -> R {
        f(&mut self.0.state.lock().extras().lanes)
    }

    /// Messages on their way to other servers.
    pub(crate) fn forwarded(&self) -> u32 {
        self.0.forwarding.load(Ordering::Acquire)
    }

    pub(crate) fn overlapping(&self) -> u32 {
        self.0.overlapping.load(Ordering::Acquire)
    }

    pub(crate) fn overlapping_bytes(&self) -> u32 {
        self.0.overlapping_bytes.load(Ordering::Acquire)
    }

    /// Whether something that came from the client is still to be answered beside the connection's
    /// own task.
    pub(crate) fn is_busy(&self) -> bool {
        self.overlapping() > 0 || self.forwarded() > 0
    }

    /// Counts one message on its way to another server until the guard is dropped.
    pub(crate) fn forwarding(&self) -> Forwarding {
        self.0.forwarding.fetch_add(1, Ordering::AcqRel);
        Forwarding(self.clone())
    }

    /// Counts one overlapping call, with a body of this length, until the guard is dropped.
    pub(crate) fn overlap(&self, len: usize) -> Overlap {
        // Packets are far smaller than this.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.0.overlapping.fetch_add(1, Ordering::AcqRel);
        self.0.overlapping_bytes.fetch_add(len, Ordering::AcqRel);
        Overlap(self.clone(), len)
    }
}

/// Whether the connection's task has to be woken for a reply: its own replies leave with its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    No,
    Yes,
}

/// Whether a reply carries the error bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    Ok,
    Error,
}

pub(crate) struct Overlap(Session, u32);

impl Drop for Overlap {
    fn drop(&mut self) {
        self.0
            .0
            .overlapping_bytes
            .fetch_sub(self.1, Ordering::AcqRel);
        self.0.0.overlapping.fetch_sub(1, Ordering::AcqRel);
        self.0.0.out.wake_now();
    }
}

pub(crate) struct Forwarding(Session);

impl Drop for Forwarding {
    fn drop(&mut self) {
        let earlier = self.0.0.forwarding.fetch_sub(1, Ordering::AcqRel);
        // A connection that is to end waits for that.
        if earlier == 1 && self.0.0.app.is_draining() {
            self.0.0.out.wake_now();
        }
    }
}

impl State {
    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    fn bind_epoch(&self) -> u64 {
        self.extras.as_ref().map_or(0, |extras| extras.bind_epoch)
    }
}

/// What a push or a reply on a closed connection answers.
pub(crate) fn broken_pipe() -> Error {
    Error::new(codes::CLIENT_CLOSED, "broken low-level pipe")
}

pub(crate) fn encode_any(
    serializer: &Serializer,
    value: &dyn AnyMessage,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    match serializer {
        Serializer::Json => value.encode_json(out),
        Serializer::Protobuf => value.encode_protobuf(out),
        Serializer::Custom(codec) => codec.encode(value, out),
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Session");
        out.field("id", &self.0.id);
        // A session that is locked by this very thread must still print.
        if let Some(state) = self.0.state.try_lock() {
            out.field("uid", &state.uid).field("closed", &state.closed);
        }
        out.finish_non_exhaustive()
    }
}
