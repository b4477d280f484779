//! Packets straight on TCP: the connection's bytes are the packets' bytes,
//! behind a PROXY protocol header where there is one.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpStream;

use super::listener::local_address;
use super::refused::within;
use super::{Acceptor, Connect, Established, Listener, ProxyProtocol, proxy};
use crate::app::AppHandle;
use crate::app::config::Limits;
use crate::observe::Refusal;

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
    /// As the configuration says, unless this says it.
    proxy: Option<ProxyProtocol>,
    /// The time that a header has.
    header_time: Duration,
}

impl Tcp {
    /// Listens on an address such as `0.0.0.0:3250`, once the app starts.
    ///
    /// Port 0 takes a free one. Without a host (`:3250`) it is every interface,
    /// IPv6 and IPv4.
    pub fn bind(address: impl Into<String>) -> Self {
        Self::on(Listener::at(address))
    }

    /// Accepts from a listener that is open already: of `std` or of `tokio`.
    pub fn from_listener(listener: impl Into<Listener>) -> Self {
        Self::on(listener.into())
    }

    fn on(listener: Listener) -> Self {
        Self {
            listener,
            proxy: None,
            header_time: Limits::default().proxy_timeout,
        }
    }

    /// Which connections begin with a PROXY protocol header; by default what
    /// `pitaya.acceptor.proxyprotocol` says, which is none or all.
    ///
    /// The header comes before TLS and the WebSocket upgrade, within
    /// `pitaya.limits.proxy.timeout`. The session's remote address is then the
    /// one in the header.
    ///
    /// ```
    /// use pitaya::{Tcp, acceptor::ProxyProtocol};
    ///
    /// let acceptor = Tcp::bind("0.0.0.0:3250")
    ///     .proxy_protocol(ProxyProtocol::from_networks(["10.0.0.0/8"]));
    /// ```
    pub fn proxy_protocol(mut self, proxy: ProxyProtocol) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Speaks TLS on every connection.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: crate::tls::ServerTls) -> super::Tls<Self> {
        super::Tls::over(self, tls)
    }
}

impl Acceptor for Tcp {
    type Connect = TcpConnect;

    fn configure(&mut self, app: &AppHandle) {
        let config = app.config();
        self.header_time = config.limits.proxy_timeout;
        if config.acceptor.proxy_protocol {
            self.proxy.get_or_insert(ProxyProtocol::Required);
        }
    }

    async fn bind(&mut self) -> io::Result<()> {
        if let Some(ProxyProtocol::From(networks)) = &self.proxy {
            networks
                .check()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        }
        self.listener.open().await
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    async fn accept(&mut self) -> io::Result<TcpConnect> {
        let (stream, peer, listening) = self.listener.accept().await?;
        let proxied = self.proxy.as_ref().is_some_and(|proxy| proxy.expects(peer));
        Ok(TcpConnect {
            stream,
            peer,
            listening,
            header: proxied.then_some(self.header_time),
            told: None,
        })
    }

    fn name(&self) -> &'static str {
        "tcp"
    }
}

/// A TCP connection as it was accepted; there is nothing to wait for, unless a
/// proxy speaks first.
#[derive(Debug)]
pub struct TcpConnect {
    stream: TcpStream,
    peer: SocketAddr,
    listening: SocketAddr,
    /// A header is still to be read, within this time.
    header: Option<Duration>,
    /// The address that the client connected to, as a header said.
    told: Option<SocketAddr>,
}

impl Connect for TcpConnect {
    type Io = TcpStream;

    async fn identify(&mut self) -> io::Result<Option<SocketAddr>> {
        if let Some(time) = self.header.take() {
            // Boxed, so that connections without have no room for it.
            let header = proxy::read(&mut self.stream);
            let ends = Box::pin(within(time, Refusal::ProxyTimeout, header)).await??;
            self.peer = ends.client;
            self.told = Some(ends.server);
        }
        Ok(Some(self.peer))
    }

    async fn establish(mut self) -> io::Result<Established<TcpStream>> {
        self.identify().await?;
        let local = self
            .told
            .or_else(|| local_address(&self.stream, self.listening));
        Ok(Established {
            io: self.stream,
            peer: Some(self.peer),
            local,
        })
    }
}
