//! What the suites share: a client that speaks the protocol by hand, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use pitaya::protocol::compression::Inflater;
use pitaya::protocol::message::{self, MessageKind, RouteRef};
use pitaya::protocol::packet::{self, PacketType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub mod authority;
pub mod book;
pub mod latest;
pub mod websocket;

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A client that knows nothing but bytes; over a socket, or any other stream.
pub struct RawClient<S = TcpStream> {
    /// The socket.
    pub socket: S,
    input: Vec<u8>,
}

/// One message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Response or push.
    pub kind: MessageKind,
    /// The request's id; 0 for pushes.
    pub id: u64,
    /// The push's route.
    pub route: String,
    /// The error bit.
    pub error: bool,
    /// The body came compressed.
    pub compressed: bool,
    /// The body, inflated.
    pub body: Vec<u8>,
}

impl Received {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

impl RawClient {
    /// Connects and says nothing.
    pub async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address)
            .await
            .expect("the server listens");
        socket.set_nodelay(true).expect("the socket is alive");
        Self::over(socket)
    }

    /// Connects and shakes hands.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.shake_hands().await;
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawClient<S> {
    /// A client that has said nothing yet, over this stream.
    pub fn over(socket: S) -> Self {
        Self {
            socket,
            input: Vec::new(),
        }
    }

    /// Says hello, reads the answer and acknowledges it.
    pub async fn shake_hands(&mut self) {
        self.send(PacketType::Handshake, b"{}").await;
        let (kind, body) = self.packet().await.expect("a handshake is answered");
        assert_eq!(kind, PacketType::Handshake);
        assert!(
            body.starts_with(br#"{"code":200,"#),
            "{}",
            String::from_utf8_lossy(&body)
        );
        self.send(PacketType::HandshakeAck, b"").await;
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.socket
            .write_all(bytes)
            .await
            .expect("the server reads");
    }

    /// Sends bytes as they are, if the server still reads.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Sends one packet.
    pub async fn send(&mut self, kind: PacketType, body: &[u8]) {
        let mut out = Vec::new();
        packet::encode(kind, body, &mut out).expect("the body is small");
        self.write(&out).await;
    }

    /// Sends a request.
    pub async fn request(&mut self, id: u64, route: &str, body: &[u8]) {
        self.write(&request(id, route, body)).await;
    }

    /// Sends a notify.
    pub async fn notify(&mut self, route: &str, body: &[u8]) {
        self.write(&message_packet(MessageKind::Notify, 0, route, body))
            .await;
    }

    /// The next packet; `None` when the server has closed the connection.
    pub async fn packet(&mut self) -> Option<(PacketType, Vec<u8>)> {
        let next = self.next_packet();
        tokio::time::timeout(DEADLINE, next)
            .await
            .expect("something comes, or the end")
    }

    /// The same without a deadline, for tests that hold the clock. Dropping the future loses nothing.
    pub async fn next_packet(&mut self) -> Option<(PacketType, Vec<u8>)> {
        loop {
            let decoded = packet::decode(&self.input, packet::MAX_BODY_LEN);
            if let Some((packet, used)) = decoded.expect("the server's packets are valid") {
                let packet = (packet.kind, packet.body.to_vec());
                self.input.drain(..used);
                return Some(packet);
            }
            match self.socket.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message; heartbeats are passed over.
    pub async fn message(&mut self) -> Received {
        loop {
            match self.packet().await.expect("a message comes") {
                (PacketType::Heartbeat, _) => {}
                (PacketType::Data, body) => return decode(&body),
                other => panic!("a message was expected, not {other:?}"),
            }
        }
    }

    /// Sends a request and waits for the next message.
    pub async fn call(&mut self, id: u64, route: &str, body: &[u8]) -> Received {
        self.request(id, route, body).await;
        let received = self.message().await;
        assert_eq!((received.kind, received.id), (MessageKind::Response, id));
        received
    }

    /// Waits until the server closes the connection: what came before that.
    pub async fn rest(&mut self) -> Vec<(PacketType, Vec<u8>)> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await {
            packets.push(packet);
        }
        packets
    }
}

/// Decodes a message of the server.
pub fn decode(body: &[u8]) -> Received {
    // A response or a push has the layout of what a client sends.
    let message = message::decode(body).expect("the server's messages are valid");
    let route = match message.route {
        RouteRef::Name(name) => String::from_utf8_lossy(name).into_owned(),
        RouteRef::Code(code) => code.to_string(),
    };
    let mut text = message.body.to_vec();
    if message.compressed {
        text.clear();
        let inflated = Inflater::new().inflate(message.body, packet::MAX_BODY_LEN, &mut text);
        inflated.expect("the server's compressed bodies are valid");
    }
    Received {
        kind: message.kind,
        id: message.id,
        route,
        error: message.error,
        compressed: message.compressed,
        body: text,
    }
}

/// The bytes of a request.
pub fn request(id: u64, route: &str, body: &[u8]) -> Vec<u8> {
    message_packet(MessageKind::Request, id, route, body)
}

/// The bytes of a packet.
pub fn packet_of(kind: PacketType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::encode(kind, body, &mut out).expect("the body is small");
    out
}

/// The bytes of a message in its packet.
pub fn message_packet(kind: MessageKind, id: u64, route: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mark = packet::begin(PacketType::Data, &mut out);
    let route = RouteRef::Name(route.as_bytes());
    message::encode_head(kind, id, route, false, false, &mut out).expect("the route is short");
    out.extend_from_slice(body);
    packet::finish(mark, &mut out).expect("the body is small");
    out
}
