//! The other end: reads and writes packets one by one, exactly as a test says.

use std::fmt::Debug;
use std::time::Duration;

use pitaya::client::{Client, ClientBuilder};
use pitaya::protocol::message::{self, MessageKind, RouteRef};
use pitaya::protocol::packet::{self, MAX_BODY_LEN, PacketType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

/// A handshake reply as every server sends it, with heartbeats too rare to be seen.
pub(crate) const REPLY: &str =
    r#"{"code":200,"sys":{"dict":{},"heartbeat":1000,"serializer":"json"}}"#;

/// Longer than anything here takes; in tests with paused time it passes at once when nothing moves.
const DEADLINE: Duration = Duration::from_secs(3000);

/// Awaits with a deadline, so that a test that goes wrong ends.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future)
        .await
        .expect("nothing happened within the deadline")
}

/// The server's end of one connection.
pub(crate) struct Server<S> {
    pub(crate) io: S,
    inbound: Vec<u8>,
}

/// A message as the server received it.
#[derive(Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) kind: MessageKind,
    pub(crate) id: u64,
    /// The text, or `#` and the code.
    pub(crate) route: String,
    pub(crate) compressed: bool,
    pub(crate) body: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Server<S> {
    pub(crate) fn new(io: S) -> Self {
        Self {
            io,
            inbound: Vec::new(),
        }
    }

    /// The next packet; `None` at the end.
    pub(crate) async fn packet(&mut self) -> Option<(PacketType, Vec<u8>)> {
        loop {
            if let Some((packet, used)) = packet::decode(&self.inbound, MAX_BODY_LEN).unwrap() {
                let packet = (packet.kind, packet.body.to_vec());
                self.inbound.drain(..used);
                return Some(packet);
            }
            if soon(self.io.read_buf(&mut self.inbound)).await.unwrap_or(0) == 0 {
                assert_eq!(self.inbound, b"", "the client ended inside a packet");
                return None;
            }
        }
    }

    /// The next message; heartbeats are passed over.
    pub(crate) async fn message(&mut self) -> Received {
        loop {
            match self.packet().await {
                Some((PacketType::Heartbeat, _)) => {}
                Some((PacketType::Data, body)) => {
                    let message = message::decode(&body).unwrap();
                    return Received {
                        kind: message.kind,
                        id: message.id,
                        route: match message.route {
                            RouteRef::Name(name) => String::from_utf8(name.to_vec()).unwrap(),
                            RouteRef::Code(code) => format!("#{code}"),
                        },
                        compressed: message.compressed,
                        body: message.body.to_vec(),
                    };
                }
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
        self.io.flush().await.unwrap();
    }

    pub(crate) async fn send(&mut self, kind: PacketType, body: &[u8]) {
        self.write(&a_packet(kind, body)).await;
    }

    pub(crate) async fn answer(&mut self, id: u64, body: &[u8]) {
        self.write(&response(id, body)).await;
    }

    pub(crate) async fn push(&mut self, route: &str, body: &[u8]) {
        self.write(&a_push(RouteRef::Name(route.as_bytes()), body))
            .await;
    }

    /// Takes the client's handshake, answers `reply` and takes the ack; gives the handshake.
    pub(crate) async fn shake_hands(&mut self, reply: &[u8]) -> String {
        let (kind, body) = self.packet().await.unwrap();
        assert_eq!(kind, PacketType::Handshake);
        self.send(PacketType::Handshake, reply).await;
        assert_eq!(
            self.packet().await,
            Some((PacketType::HandshakeAck, Vec::new()))
        );
        String::from_utf8(body).unwrap()
    }

    /// Reads to the end and wants nothing but heartbeats before it.
    pub(crate) async fn expect_end(&mut self) {
        while let Some(packet) = self.packet().await {
            assert_eq!(packet, (PacketType::Heartbeat, Vec::new()));
        }
    }
}

pub(crate) fn a_packet(kind: PacketType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::encode(kind, body, &mut out).unwrap();
    out
}

fn a_message(
    kind: MessageKind,
    id: u64,
    route: RouteRef<'_>,
    error: bool,
    compressed: bool,
    body: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    message::encode_head(kind, id, route, error, compressed, &mut out).unwrap();
    out.extend_from_slice(body);
    a_packet(PacketType::Data, &out)
}

pub(crate) fn response(id: u64, body: &[u8]) -> Vec<u8> {
    a_message(
        MessageKind::Response,
        id,
        RouteRef::EMPTY,
        false,
        false,
        body,
    )
}

pub(crate) fn error_response(id: u64, body: &[u8]) -> Vec<u8> {
    a_message(
        MessageKind::Response,
        id,
        RouteRef::EMPTY,
        true,
        false,
        body,
    )
}

pub(crate) fn compressed_response(id: u64, zlib: &[u8]) -> Vec<u8> {
    a_message(
        MessageKind::Response,
        id,
        RouteRef::EMPTY,
        false,
        true,
        zlib,
    )
}

pub(crate) fn a_push(route: RouteRef<'_>, body: &[u8]) -> Vec<u8> {
    a_message(MessageKind::Push, 0, route, false, false, body)
}

/// A connected client and its server, over a pipe.
pub(crate) async fn connected() -> (Client, Server<DuplexStream>) {
    connected_with(Client::builder(), REPLY).await
}

pub(crate) async fn connected_with(
    builder: ClientBuilder,
    reply: &str,
) -> (Client, Server<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let (client, _) = tokio::join!(builder.connect(near), server.shake_hands(reply.as_bytes()));
    (client.unwrap(), server)
}

/// The text of an error.
pub(crate) fn failure<T: Debug, E: Debug + ToString>(outcome: Result<T, E>) -> String {
    outcome.unwrap_err().to_string()
}
