//! What the suites share: a client that speaks the protocol by hand, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use pitaya::protocol::message::{self, MessageKind, RouteRef};
use pitaya::protocol::packet::{self, PacketType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A client that knows nothing but bytes.
pub struct RawClient {
    /// The socket.
    pub socket: TcpStream,
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
    /// The body as it came.
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
        let socket = TcpStream::connect(address).await.expect("the server listens");
        socket.set_nodelay(true).expect("the socket is alive");
        Self { socket, input: Vec::new() }
    }

    /// Connects and shakes hands.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.send(PacketType::Handshake, b"{}").await;
        let (kind, body) = client.packet().await.expect("a handshake is answered");
        assert_eq!(kind, PacketType::Handshake);
        assert!(body.starts_with(br#"{"code":200,"#), "{}", String::from_utf8_lossy(&body));
        client.send(PacketType::HandshakeAck, b"").await;
        client
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.expect("the server reads");
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
        self.write(&message_packet(MessageKind::Notify, 0, route, body)).await;
    }

    /// The next packet; `None` when the server has closed the connection.
    pub async fn packet(&mut self) -> Option<(PacketType, Vec<u8>)> {
        let next = async {
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
        };
        tokio::time::timeout(DEADLINE, next).await.expect("something comes, or the end")
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
    assert!(!message.compressed, "these suites leave compression off");
    let route = match message.route {
        RouteRef::Name(name) => String::from_utf8_lossy(name).into_owned(),
        RouteRef::Code(code) => code.to_string(),
    };
    Received {
        kind: message.kind,
        id: message.id,
        route,
        error: message.error,
        body: message.body.to_vec(),
    }
}

/// The bytes of a request.
pub fn request(id: u64, route: &str, body: &[u8]) -> Vec<u8> {
    message_packet(MessageKind::Request, id, route, body)
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
