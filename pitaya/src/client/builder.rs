//! What can be chosen about a connection, and the steps from a target to a [`Client`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::clock::HeartbeatClock;
use super::connection::{Connection, Terms};
use super::error::Error;
use super::handshake::{self, Agreement};
use super::target::{IntoTarget, Tls};
use super::task::Task;
use super::{Client, Handle};
use crate::message::Serializer;
use crate::protocol::packet::{HANDSHAKE_ACK, MAX_BODY_LEN};

/// Added to twice the heartbeat interval before a silent server counts as dead: its heartbeats may
/// be a little late.
const SILENCE_SLACK: Duration = Duration::from_secs(1);

/// Chooses how a [`Client`] connects; made by [`Client::builder`].
///
/// ```no_run
/// # async fn run() -> Result<(), pitaya::client::Error> {
/// use std::time::Duration;
///
/// use pitaya::client::Client;
///
/// let client = Client::builder()
///     .platform("ios")
///     .user("language", "en")
///     .request_timeout(Duration::from_secs(2))
///     .connect("game.example:3250")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `connect`"]
pub struct ClientBuilder {
    pub(super) platform: String,
    pub(super) lib_version: String,
    pub(super) build_number: String,
    pub(super) client_version: String,
    pub(super) user: Map<String, Value>,
    pub(super) serializer: Option<Serializer>,
    connect_timeout: Duration,
    request_timeout: Duration,
    max_in_flight: usize,
    push_buffer: usize,
    compress: bool,
    heartbeat: Option<Duration>,
    silence_limit: Option<Duration>,
    pub(super) max_packet: usize,
    pub(super) max_inflated: usize,
    tls: Tls,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            platform: "rust".to_owned(),
            lib_version: concat!("pitaya-rust-", env!("CARGO_PKG_VERSION")).to_owned(),
            build_number: String::new(),
            client_version: String::new(),
            user: Map::new(),
            serializer: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            max_in_flight: 64,
            push_buffer: 256,
            compress: false,
            heartbeat: None,
            silence_limit: None,
            max_packet: MAX_BODY_LEN,
            max_inflated: MAX_BODY_LEN,
            tls: Tls::default(),
        }
    }
}

impl ClientBuilder {
    /// `sys.platform` of the handshake; `rust` by default.
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = platform.into();
        self
    }

    /// `sys.libVersion` of the handshake; `pitaya-rust-` and this crate's version by default.
    pub fn lib_version(mut self, version: impl Into<String>) -> Self {
        self.lib_version = version.into();
        self
    }

    /// `sys.clientBuildNumber` of the handshake; empty by default.
    pub fn build_number(mut self, number: impl Into<String>) -> Self {
        self.build_number = number.into();
        self
    }

    /// `sys.clientVersion` of the handshake, the version of the game; empty by default.
    pub fn client_version(mut self, version: impl Into<String>) -> Self {
        self.client_version = version.into();
        self
    }

    /// One entry of `user`, the game's own handshake data; the same key replaces.
    pub fn user(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.user.insert(key.into(), value.into());
        self
    }

    /// The serializer that the server must speak. By default whichever of JSON and protobuf it
    /// names; a custom one has to be given here.
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = Some(serializer);
        self
    }

    /// How long connecting may take, handshake included; 10 seconds by default.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long a request may take, from the call to its answer; 5 seconds by default. Also bounds
    /// [`Client::next_push`] and a notify that has to wait for room.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// How many requests may wait for their answer at once; 64 by default, at least 1. Further
    /// ones are sent when an earlier one has ended; that wait is part of their request timeout.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// How many pushes each stream, and the connection for routes that nobody asked for yet, keeps
    /// until they are taken; 256 by default. Over that the oldest is dropped and counted
    /// ([`Client::dropped_pushes`]).
    pub fn push_buffer(mut self, pushes: usize) -> Self {
        self.push_buffer = pushes;
        self
    }

    /// Compresses outbound bodies that become shorter by it; off by default.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// The time between two heartbeats of this client; by default what the server asks for. Zero
    /// sends none.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// How long the server may be silent before the connection ends with
    /// [`HeartbeatTimeout`](super::DisconnectReason::HeartbeatTimeout); by default twice the
    /// server's heartbeat interval and one second. Zero waits forever.
    pub fn silence_limit(mut self, limit: Duration) -> Self {
        self.silence_limit = Some(limit);
        self
    }

    /// The largest packet body, in bytes, that is received; 2^24 - 1, all that the protocol
    /// allows, by default. A larger one ends the connection.
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet = bytes.min(MAX_BODY_LEN);
        self
    }

    /// The largest size, in bytes, to which a compressed body is inflated; 2^24 - 1 by default. A
    /// larger answer is [`Error::Inflate`], a larger push is ignored and counted.
    pub fn max_inflated_size(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// Whom to believe when the target asks for TLS (`tls://`, `wss://`); by default the
    /// authorities that the operating system believes.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::tls::ClientTls) -> Self {
        self.tls = tls;
        self
    }

    /// Connects and completes the handshake. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Target`], [`Error::Connect`], [`Error::WebSocket`], [`Error::ConnectTimeout`],
    /// [`Error::HandshakeRefused`], [`Error::Serializer`], or [`Error::Disconnected`] when the
    /// server ends the connection before its handshake reply.
    pub async fn connect(self, target: impl IntoTarget) -> Result<Client, Error> {
        let target = target.into_target()?;
        // Boxed, because the upgrade to WebSocket would make every caller's future large.
        let opened = Box::pin(async {
            let mut wire = target.open(self.max_packet, &self.tls).await?;
            let agreement = handshake::perform(wire.as_mut(), &self).await?;
            Ok((wire, agreement))
        });
        let (wire, agreement) = match timeout(self.connect_timeout, opened).await {
            Ok(opened) => opened?,
            Err(_) => return Err(Error::ConnectTimeout),
        };
        let Agreement {
            serializer,
            dictionary,
            heartbeat,
            inbound,
        } = agreement;
        let silence = match (self.silence_limit, heartbeat.is_zero()) {
            (Some(limit), _) => limit,
            (None, true) => Duration::ZERO,
            (None, false) => heartbeat.saturating_mul(2).saturating_add(SILENCE_SLACK),
        };
        let interval = self.heartbeat.unwrap_or(heartbeat);
        let clock = HeartbeatClock::new(interval, silence, Instant::now());
        let connection = Connection::new(Terms {
            serializer,
            dictionary,
            heartbeat,
            request_timeout: self.request_timeout,
            max_in_flight: self.max_in_flight,
            push_buffer: self.push_buffer,
            compress: self.compress,
        });
        // Queued before anybody has the handle, so the ack is always the first to leave.
        connection.send_if_idle(&HANDSHAKE_ACK);
        let connection = Arc::new(connection);
        let task = Task::new(
            wire,
            connection.clone(),
            inbound,
            clock,
            self.max_packet,
            self.max_inflated,
        );
        tokio::spawn(task.run());
        Ok(Client {
            handle: Arc::new(Handle { connection }),
        })
    }
}
