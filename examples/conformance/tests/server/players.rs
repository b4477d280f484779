//! A client that knows nothing but bytes: it shares no code with the server.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::DEADLINE;

pub(crate) const HANDSHAKE: u8 = 1;
pub(crate) const ACK: u8 = 2;
pub(crate) const HEARTBEAT: u8 = 3;
pub(crate) const DATA: u8 = 4;
pub(crate) const KICK: u8 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    WebSocket,
}

pub(crate) const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// A connected byte stream.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

pub(crate) struct Player {
    socket: Box<dyn Socket>,
    transport: Transport,
    /// The handshake's answer.
    pub(crate) handshake: Vec<u8>,
}

impl Player {
    /// Connects and shakes hands.
    pub(crate) async fn connect(address: SocketAddr, transport: Transport) -> Self {
        let socket = TcpStream::connect(address)
            .await
            .expect("the server listens");
        Self::over(socket, transport).await
    }

    /// Shakes hands over a stream that is connected.
    pub(crate) async fn over(
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        transport: Transport,
    ) -> Self {
        let mut player = Self {
            socket: Box::new(socket),
            transport,
            handshake: Vec::new(),
        };
        if transport == Transport::WebSocket {
            player.upgrade().await;
        }
        player
            .send(
                HANDSHAKE,
                br#"{"sys":{"type":"test","version":"1"},"user":{}}"#,
            )
            .await;
        let (kind, body) = player.packet().await.expect("the handshake is answered");
        assert_eq!(kind, HANDSHAKE);
        player.handshake = body;
        player.send(ACK, b"").await;
        player
    }

    async fn upgrade(&mut self) {
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        self.write(request.as_bytes()).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(
                self.socket
                    .read_u8()
                    .await
                    .expect("the upgrade is answered"),
            );
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.socket
            .write_all(bytes)
            .await
            .expect("the server reads");
    }

    /// Sends one packet.
    pub(crate) async fn send(&mut self, kind: u8, body: &[u8]) {
        let length = u32::try_from(body.len())
            .expect("it is short")
            .to_be_bytes();
        let mut packet = vec![kind, length[1], length[2], length[3]];
        packet.extend_from_slice(body);
        if self.transport == Transport::WebSocket {
            packet = masked_frame(&packet);
        }
        self.write(&packet).await;
    }

    /// Sends a request.
    pub(crate) async fn request(&mut self, id: u8, route: &str, body: &[u8]) {
        assert!(id < 128, "one byte of a varint");
        let mut message = vec![0x00, id];
        message.extend(text(route));
        message.extend_from_slice(body);
        self.send(DATA, &message).await;
    }

    /// Sends a notify.
    pub(crate) async fn notify(&mut self, route: &str, body: &[u8]) {
        let mut message = vec![0x02];
        message.extend(text(route));
        message.extend_from_slice(body);
        self.send(DATA, &message).await;
    }

    /// Sends a request and waits for the next message, which is given whole.
    pub(crate) async fn call(&mut self, id: u8, route: &str, body: &[u8]) -> Vec<u8> {
        self.request(id, route, body).await;
        self.message().await
    }

    /// The next message; heartbeats are passed over.
    pub(crate) async fn message(&mut self) -> Vec<u8> {
        loop {
            match self.packet().await.expect("a message comes") {
                (HEARTBEAT, _) => {}
                (DATA, message) => return message,
                other => panic!("a message was expected, not {other:?}"),
            }
        }
    }

    /// Everything until the server closes the connection; heartbeats are passed over.
    pub(crate) async fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await {
            if packet.0 != HEARTBEAT {
                packets.push(packet);
            }
        }
        packets
    }

    /// The next packet; `None` when the server has closed the connection.
    async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(DEADLINE, self.read())
            .await
            .expect("something comes, or the end")
    }

    async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let length = match self.transport {
            Transport::Tcp => None,
            Transport::WebSocket => Some(self.frame_length().await?),
        };
        let mut header = [0; 4];
        self.socket.read_exact(&mut header).await.ok()?;
        let [kind, high, middle, low] = header;
        let mut body = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        if let Some(length) = length {
            assert_eq!(length, 4 + body.len(), "one packet per WebSocket message");
        }
        self.socket.read_exact(&mut body).await.ok()?;
        Some((kind, body))
    }

    /// The length of the next binary frame; `None` at the end.
    async fn frame_length(&mut self) -> Option<usize> {
        let (opcode, length) = (
            self.socket.read_u8().await.ok()?,
            self.socket.read_u8().await.ok()?,
        );
        if opcode == 0x88 {
            return None;
        }
        assert_eq!(opcode, 0x82, "a whole binary message");
        match length {
            126 => Some(self.socket.read_u16().await.ok()?.into()),
            length => {
                assert!(length < 126, "neither masked nor that long");
                Some(length.into())
            }
        }
    }
}

/// A length byte and the text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 128);
    let mut bytes = vec![length.expect("one byte of a varint")];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn masked_frame(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("it is short");
    let mut frame = vec![0x82];
    match u8::try_from(length).ok().filter(|length| *length < 126) {
        Some(length) => frame.push(0x80 | length),
        None => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}
