//! One connection of the load generator: blocking, so that it costs two system calls a request and no event loop.
//!
//! Whatever a server sends is compared with what it should have sent; heartbeats excepted, anything else ends the
//! load with an error.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use crate::{
    child::{Child, DEADLINE},
    tls::Trust,
    wire::{Transport, UPGRADE, Wire},
};

/// Whom to connect to.
pub(crate) struct Peer {
    address: SocketAddr,
    trust: Option<Trust>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            trust: None,
        }
    }
}

impl From<&Child> for Peer {
    fn from(server: &Child) -> Self {
        Self {
            address: server.address,
            trust: server.trust.clone(),
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A client of a server under test.
pub(crate) struct Connection<'a> {
    wire: &'a Wire,
    stream: Stream,
    /// What arrived behind the last frame that was asked for. Empty, so without memory, nearly always.
    rest: Vec<u8>,
}

impl<'a> Connection<'a> {
    /// Connects, and leaves the rest to the `begin_` and `end_` steps, so that many can be under way at once.
    pub(crate) fn open(wire: &'a Wire, peer: impl Into<Peer>) -> Result<Self> {
        let Peer { address, trust } = peer.into();
        let stream = TcpStream::connect(address)
            .with_context(|| format!("could not connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let stream = match (wire.transport, trust) {
            (Transport::Tls, Some(trust)) => {
                Stream::Tls(Box::new(StreamOwned::new(trust.client()?, stream)))
            }
            (Transport::Tls, None) => bail!("the server has told no certificate"),
            _ => Stream::Plain(stream),
        };
        Ok(Self {
            wire,
            stream,
            rest: Vec::new(),
        })
    }

    pub(crate) fn begin_upgrade(&mut self) -> Result<()> {
        if let Stream::Tls(stream) = &mut self.stream {
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut stream.sock)?;
            }
        }
        match self.wire.transport {
            Transport::Tcp | Transport::Tls => Ok(()),
            Transport::WebSocket => self.send(UPGRADE),
        }
    }

    pub(crate) fn end_upgrade(&mut self) -> Result<()> {
        if let Stream::Tls(stream) = &mut self.stream {
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
        }
        if self.wire.transport != Transport::WebSocket {
            return Ok(());
        }
        loop {
            if let Some(end) = self
                .rest
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                ensure!(
                    self.rest.starts_with(b"HTTP/1.1 101 "),
                    "upgrade refused: {}",
                    show(&self.rest)
                );
                self.rest.drain(..end + 4);
                return Ok(());
            }
            self.read_more()?;
        }
    }

    pub(crate) fn begin_handshake(&mut self) -> Result<()> {
        self.send(&self.wire.client.handshake)
    }

    /// Waits for the handshake reply, acknowledges it and asks for a first echo in one write.
    pub(crate) fn end_handshake(&mut self) -> Result<()> {
        let reply = loop {
            match self.wire.server_frame_len(&self.rest)? {
                Some(length) if length <= self.rest.len() => {
                    break self.rest.drain(..length).collect::<Vec<_>>();
                }
                _ => self.read_more()?,
            }
        };
        let accepted = reply.windows(10).any(|window| window == br#""code":200"#);
        ensure!(accepted, "handshake refused: {}", show(&reply));
        self.send(&[self.wire.client.ack.as_slice(), &self.wire.client.echo].concat())
    }

    /// All the steps, ending with the answer to the first echo.
    pub(crate) fn establish(wire: &'a Wire, peer: impl Into<Peer>) -> Result<Self> {
        let mut connection = Self::open(wire, peer)?;
        connection.begin_upgrade()?;
        connection.end_upgrade()?;
        connection.begin_handshake()?;
        connection.end_handshake()?;
        connection.receive(&wire.server.response, 1)?;
        Ok(connection)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes)?,
            Stream::Tls(stream) => stream.write_all(bytes)?,
        }
        Ok(())
    }

    /// Waits until `expected` has come `count` times.
    pub(crate) fn receive(&mut self, expected: &[u8], count: usize) -> Result<()> {
        let mut missing = count;
        loop {
            let consumed = self.take(expected, &mut missing)?;
            self.rest.drain(..consumed);
            if missing == 0 {
                break;
            }
            self.read_more()?;
        }
        if self.rest.is_empty() {
            self.rest = Vec::new();
        }
        Ok(())
    }

    /// How many bytes of `rest` are whole frames that were waited for, or heartbeats.
    fn take(&self, expected: &[u8], missing: &mut usize) -> Result<usize> {
        let mut bytes = self.rest.as_slice();
        while *missing > 0 {
            if let Some(after) = bytes.strip_prefix(expected) {
                bytes = after;
                *missing -= 1;
            } else if let Some(after) = bytes.strip_prefix(self.wire.server.heartbeat.as_slice()) {
                bytes = after;
            } else if let Some(length) = self.wire.server_frame_len(bytes)?
                && length <= bytes.len()
            {
                bail!("expected {}, got {}", show(expected), show(bytes));
            } else {
                break;
            }
        }
        Ok(self.rest.len() - bytes.len())
    }

    fn read_more(&mut self) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        let read = loop {
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut buffer),
                Stream::Tls(stream) => stream.read(&mut buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.context("the server did not answer")?,
            }
        };
        ensure!(read > 0, "the server closed the connection");
        self.rest
            .extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(())
    }
}

fn show(bytes: &[u8]) -> String {
    bytes
        .get(..bytes.len().min(120))
        .unwrap_or_default()
        .escape_ascii()
        .to_string()
}
