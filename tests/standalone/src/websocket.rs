//! A WebSocket client that sends whatever frames a test wants, also forbidden ones.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::DEADLINE;

/// A text frame's opcode.
pub const TEXT: u8 = 1;
/// A binary frame's opcode.
pub const BINARY: u8 = 2;
/// A close frame's opcode.
pub const CLOSE: u8 = 8;
/// The opcode of a fragment that is not the first.
pub const CONTINUATION: u8 = 0;

const REQUEST: &[u8] = b"GET /any/path?and=query HTTP/1.1\r\n\
    Host: game.example\r\n\
    Origin: https://elsewhere.example\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const MASK: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// The client, over a socket or any other stream.
pub struct WsClient<S = TcpStream> {
    /// The socket below.
    pub socket: S,
}

/// One frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// It ends its message.
    pub fin: bool,
    /// What it is.
    pub opcode: u8,
    /// What it holds.
    pub payload: Vec<u8>,
}

impl WsClient {
    /// Connects and upgrades; says nothing more.
    pub async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address)
            .await
            .expect("the server listens");
        Self::over(socket).await
    }

    /// Connects, upgrades and shakes hands.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.shake_hands().await;
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WsClient<S> {
    /// Upgrades this stream.
    pub async fn over(socket: S) -> Self {
        Self::with_headers(socket, "").await
    }

    /// The same with further lines in the request.
    pub async fn with_headers(mut socket: S, headers: &str) -> Self {
        let request = [REQUEST, headers.as_bytes(), b"\r\n"].concat();
        socket.write_all(&request).await.expect("the server reads");
        Self::upgraded(socket).await
    }

    /// Reads the answer to a request to upgrade.
    pub async fn upgraded(mut socket: S) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(DEADLINE, socket.read_u8())
                .await
                .expect("an answer comes");
            head.push(byte.expect("the upgrade is answered"));
        }
        let head = String::from_utf8_lossy(&head);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { socket }
    }

    /// Says hello, reads the answer and acknowledges it.
    pub async fn shake_hands(&mut self) {
        self.send(BINARY, b"\x01\0\0\x02{}").await;
        let hello = self.frame().await.expect("a handshake is answered");
        assert!(hello.payload.starts_with(b"\x01"), "{hello:?}");
        self.send(BINARY, b"\x02\0\0\0").await;
    }

    /// Sends one whole message.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_frame(true, opcode, payload).await;
    }

    /// Sends one frame.
    pub async fn send_frame(&mut self, fin: bool, opcode: u8, payload: &[u8]) {
        let mut out = vec![u8::from(fin) << 7 | opcode];
        match payload.len() {
            len @ 0..126 => out.push(0x80 | len as u8),
            len @ 126..65536 => {
                out.push(0x80 | 126);
                out.extend((len as u16).to_be_bytes());
            }
            len => {
                out.push(0x80 | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(MASK);
        out.extend(
            payload
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.socket.write_all(&out).await.expect("the server reads");
    }

    /// The next frame; `None` when the server has closed the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        timeout(DEADLINE, self.next_frame())
            .await
            .expect("something comes, or the end")
    }

    async fn next_frame(&mut self) -> Option<Frame> {
        let first = self.socket.read_u8().await.ok()?;
        let len = match self.socket.read_u8().await.ok()? {
            126 => self.socket.read_u16().await.ok()?.into(),
            127 => self.socket.read_u64().await.ok()?,
            // A server's frames are not masked, so the top bit is never set.
            len => len.into(),
        };
        let mut payload = vec![0; usize::try_from(len).expect("a frame fits in memory")];
        self.socket.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            fin: first & 0x80 != 0,
            opcode: first & 0x0f,
            payload,
        })
    }

    /// Waits until the server closes the connection: the frames that came before that.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }
}
