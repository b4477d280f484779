//! What goes to the transport in one write.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use pitaya::acceptor::{self, Acceptor, Connect, Established, Memory, MemoryConnect};
use pitaya::app::config::Config;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, request};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::app::builder;

type Writes = Arc<Mutex<Vec<Vec<u8>>>>;

/// An acceptor whose connections note each write.
struct Noting {
    inner: Memory,
    writes: Writes,
}

struct NotingConnect(MemoryConnect, Writes);

struct NotingIo(DuplexStream, Writes);

impl Acceptor for Noting {
    type Connect = NotingConnect;

    async fn bind(&mut self) -> io::Result<()> {
        self.inner.bind().await
    }
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
    async fn accept(&mut self) -> io::Result<NotingConnect> {
        Ok(NotingConnect(
            self.inner.accept().await?,
            self.writes.clone(),
        ))
    }
    fn name(&self) -> &'static str {
        "noting"
    }
}

impl Connect for NotingConnect {
    type Io = NotingIo;

    async fn establish(self) -> io::Result<Established<NotingIo>> {
        let Established { io, peer, local } = self.0.establish().await?;
        Ok(Established {
            io: NotingIo(io, self.1),
            peer,
            local,
        })
    }
}

impl AsyncRead for NotingIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for NotingIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.lock().unwrap().push(bytes.to_vec());
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A client panics when it reads less than the whole answer, and loses what it reads behind it.
#[tokio::test]
async fn the_handshakes_answer_is_one_write_of_its_own() {
    let (connector, inner) = acceptor::memory(1024 * 1024);
    let writes = Writes::default();
    let acceptor = Noting {
        inner,
        writes: writes.clone(),
    };
    let codes = (1..=300).map(|code| (format!("a.rather.long.route.of.number.{code}"), code));
    let builder = builder(Config::for_test())
        .dictionary(codes)
        .acceptor(acceptor);
    let app = builder.start().await.unwrap();
    let mut client = RawClient::over(connector.connect().unwrap());
    client.send(PacketType::Handshake, b"{}").await;
    let (_, body) = client.packet().await.unwrap();
    assert!(body.len() > 9000);
    {
        let writes = writes.lock().unwrap();
        assert_eq!(writes.len(), 1);
        assert_eq!(writes[0].len(), 4 + body.len());
    }
    client.send(PacketType::HandshakeAck, b"").await;
    // Later packets that are ready together leave together, whole.
    let bytes: Vec<u8> = (1..=5)
        .flat_map(|id| request(id, "play.echo", b"x"))
        .collect();
    client.write(&bytes).await;
    for id in 1..=5 {
        assert_eq!(client.message().await.id, id);
    }
    assert_eq!(writes.lock().unwrap()[1..], [b"\x04\0\0\x03\x04\x01x\x04\0\0\x03\x04\x02x\x04\0\0\x03\x04\x03x\x04\0\0\x03\x04\x04x\x04\0\0\x03\x04\x05x".to_vec()]);
    app.shutdown().await;
}
