//! Packets straight on TCP: the connection's bytes are the packets' bytes.

use std::{io, net::SocketAddr};

use tokio::net::TcpStream;

use super::{Acceptor, Connect, Established, Listener, listener::local_address};

/// Accepts plain TCP connections.
///
/// Sockets have `TCP_NODELAY` set and are probed by TCP keep-alive after 15 s
/// without traffic and every 15 s from then on; the listener has `SO_REUSEADDR`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use pitaya::acceptor::{Acceptor, Tcp};
///
/// let mut acceptor = Tcp::bind("127.0.0.1:0"); // an app does the rest
/// acceptor.bind().await?;
/// assert_ne!(acceptor.local_addr().map_or(0, |address| address.port()), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tcp {
    listener: Listener,
}

impl Tcp {
    /// Listens on an address such as `0.0.0.0:3250`, once the app starts.
    ///
    /// Port 0 takes a free one. Without a host (`:3250`) it is every interface,
    /// IPv6 and IPv4.
    pub fn bind(address: impl Into<String>) -> Self {
        Self {
            listener: Listener::at(address),
        }
    }

    /// Accepts from a listener that is open already: of `std` or of `tokio`.
    pub fn from_listener(listener: impl Into<Listener>) -> Self {
        Self {
            listener: listener.into(),
        }
    }
}

impl Acceptor for Tcp {
    type Connect = TcpConnect;

    async fn bind(&mut self) -> io::Result<()> {
        self.listener.open().await
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    async fn accept(&mut self) -> io::Result<TcpConnect> {
        let (stream, peer, listening) = self.listener.accept().await?;
        Ok(TcpConnect {
            stream,
            peer,
            listening,
        })
    }

    fn name(&self) -> &'static str {
        "tcp"
    }
}

/// A TCP connection as it was accepted; there is nothing to wait for.
#[derive(Debug)]
pub struct TcpConnect {
    stream: TcpStream,
    peer: SocketAddr,
    listening: SocketAddr,
}

impl Connect for TcpConnect {
    type Io = TcpStream;

    async fn establish(self) -> io::Result<Established<TcpStream>> {
        let local = local_address(&self.stream, self.listening);
        Ok(Established {
            io: self.stream,
            peer: Some(self.peer),
            local,
        })
    }
}
