//! Where client connections come from: TCP, WebSocket, memory, or anything
//! that implements [`Acceptor`].
//!
//! An acceptor listens and yields a [`Connect`] for each peer;
//! `Connect::establish` then turns it into a byte stream of packets. The split
//! is the point of this module: [`Acceptor::accept`] must never wait for a
//! peer, because one silent peer would keep everybody else out, so whatever
//! needs the peer's help (a TLS handshake, a PROXY header, an HTTP upgrade)
//! happens in `establish`, which the framework runs in the connection's own
//! task under a deadline. Nothing here knows sessions or packets' meaning, and
//! the app only where [`Acceptor::configure`] hands it in.

mod linger;
mod listener;
mod memory;
mod network;
mod proxy;
mod refused;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod websocket;

pub(crate) use self::refused::{refusal_of, refused};
pub use self::{
    listener::Listener,
    memory::{Connector, Memory, MemoryConnect, memory},
    network::{Network, NetworkError, Networks},
    proxy::ProxyProtocol,
    tcp::{Tcp, TcpConnect},
    websocket::{WebSocket, WebSocketConnect, WsIo},
};

#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsConnect, TlsIo};

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::app::AppHandle;
use crate::wrapper::{Wrapped, Wrapper};

/// A source of client connections.
///
/// [`Tcp`] and [`WebSocket`] are the ordinary ones; an application can bring its
/// own transport by implementing this trait and [`Connect`].
///
/// # Example
/// An acceptor without any network: peers are handed over through a channel.
/// (The ready-made form of this is [`memory`].)
///
/// ```
/// use pitaya::acceptor::{Acceptor, Connect, Established};
/// use std::{io, net::SocketAddr};
/// use tokio::{io::DuplexStream, sync::mpsc};
///
/// struct Channel(mpsc::Receiver<DuplexStream>);
///
/// impl Acceptor for Channel {
///     type Connect = Peer;
///
///     async fn bind(&mut self) -> io::Result<()> {
///         Ok(())
///     }
///
///     fn local_addr(&self) -> Option<SocketAddr> {
///         None
///     }
///
///     async fn accept(&mut self) -> io::Result<Peer> {
///         match self.0.recv().await {
///             Some(stream) => Ok(Peer(stream)),
///             None => std::future::pending().await, // nobody can connect any more
///         }
///     }
///
///     fn name(&self) -> &'static str {
///         "channel"
///     }
/// }
///
/// struct Peer(DuplexStream);
///
/// impl Connect for Peer {
///     type Io = DuplexStream;
///
///     async fn establish(self) -> io::Result<Established<DuplexStream>> {
///         Ok(Established { io: self.0, peer: None, local: None })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (peers, queue) = mpsc::channel(16);
/// let mut acceptor = Channel(queue);
/// acceptor.bind().await?;
///
/// let (mut client, server) = tokio::io::duplex(4096);
/// peers.send(server).await.map_err(io::Error::other)?;
/// let mut connection = acceptor.accept().await?.establish().await?;
///
/// client.write_all(&[3, 0, 0, 0]).await?; // a heartbeat
/// let mut packet = [0; 4];
/// connection.io.read_exact(&mut packet).await?;
/// assert_eq!(packet, [3, 0, 0, 0]);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an acceptor",
    note = "use `Tcp::bind(\"0.0.0.0:3250\")`, `WebSocket::bind(\"0.0.0.0:3251\")` or implement `pitaya::acceptor::Acceptor`"
)]
pub trait Acceptor: Send + 'static {
    /// A peer that has connected and may still have to be talked to.
    type Connect: Connect;

    /// Takes over what the app's [configuration](AppHandle::config) says about acceptors; by default
    /// nothing.
    ///
    /// The framework calls it once, before [`bind`](Self::bind). What an acceptor was told in code
    /// counts more. An acceptor around another one passes this on.
    fn configure(&mut self, app: &AppHandle) {
        let _ = app;
    }

    /// Opens the listener; does nothing when it was given an open one.
    ///
    /// The framework calls it once, before the first [`accept`](Self::accept)
    /// and inside its runtime.
    ///
    /// # Errors
    /// The address cannot be resolved or listened on. The text names it,
    /// because the error ends the start of the app and is all its operator sees.
    fn bind(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// The address peers reach this acceptor at, with the port that was really
    /// chosen when it was asked for port 0.
    ///
    /// `None` before [`bind`](Self::bind), and always for an acceptor without an
    /// IP address.
    fn local_addr(&self) -> Option<SocketAddr>;

    /// Waits for the next peer, and never for anything that peer does.
    ///
    /// Must be safe to cancel: the framework drops the future when it shuts
    /// down or wants to do something else, and no peer may be lost by that.
    ///
    /// # Errors
    /// Whatever the listener reports, running out of file descriptors
    /// included. The framework counts it, pauses and calls again.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Connect>> + Send;

    /// What logs and metrics call this acceptor: `tcp`, `websocket`, ..
    fn name(&self) -> &'static str;

    /// What looks over the packets of its connections, in the order in which it
    /// is asked. An acceptor around another one passes the inner one's on.
    fn wrappers(&self) -> Vec<Arc<dyn Wrapper>> {
        Vec::new()
    }

    /// Lets a wrapper look over the packets of every connection; see
    /// [`wrapper`](crate::wrapper). Of several the first one put around is asked
    /// first.
    fn wrap(self, wrapper: impl Wrapper) -> Wrapped<Self>
    where
        Self: Sized,
    {
        Wrapped::new(self, wrapper)
    }
}

/// A peer that has connected; what is left is [`establish`](Self::establish).
pub trait Connect: Send + 'static {
    /// The established connection: the bytes of one Pitaya packet after the
    /// other, in both directions.
    ///
    /// Reading yields them in any portions, and 0 bytes when the peer is done.
    ///
    /// For writing, the framework passes one or more whole packets to
    /// `poll_write` (a batch of up to some hundred KiB) and calls `poll_flush`
    /// after it. When only a part is accepted, or none, its next `poll_write`
    /// continues with exactly the rest, so an implementation that needs the
    /// packets' limits finds them by their headers. One task drives both
    /// directions, and `poll_shutdown` ends the connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Finds out who the client is, as far as that goes before anything else: where `establish` goes
    /// on waiting for the peer, `pitaya.limits.address.connections` can count it meanwhile.
    ///
    /// Called before [`establish`](Self::establish), or not at all. `None`, as by default, leaves
    /// it to what that says. A connection around another one passes this on, unless it knows better.
    ///
    /// # Errors
    /// As `establish`.
    fn identify(&mut self) -> impl Future<Output = io::Result<Option<SocketAddr>>> + Send {
        std::future::ready(Ok(None))
    }

    /// The certificates that the client has shown, its own first, in DER; by default none. They
    /// become [`Session::peer_certificates`](crate::Session::peer_certificates).
    fn certificates(io: &Self::Io) -> Option<Arc<[Vec<u8>]>> {
        let _ = io;
        None
    }

    /// Does everything that needs the peer: TLS, PROXY header, HTTP upgrade.
    ///
    /// Runs in the connection's own task, and is dropped when the time for the
    /// handshake (`pitaya.limits.handshake.timeout`) is over.
    ///
    /// # Errors
    /// The peer cannot be served; the connection is closed and the text logged.
    fn establish(self) -> impl Future<Output = io::Result<Established<Self::Io>>> + Send;
}

/// A connection that is ready for packets.
#[derive(Debug)]
pub struct Established<Io> {
    /// The stream of packets.
    pub io: Io,
    /// Who is at the other end, if it has an IP address. Behind a proxy that
    /// tells, this is the client's address and not the proxy's.
    pub peer: Option<SocketAddr>,
    /// The address the peer connected to.
    pub local: Option<SocketAddr>,
}
