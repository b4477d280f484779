//! Packets in WebSocket messages, one in each: what browsers speak.
//!
//! Wraps any other acceptor, whose connections become WebSockets once their
//! HTTP request is answered. Of the standard (RFC 6455) this is the server's
//! side without extensions; text and binary messages mean the same, and only
//! binary ones are sent.

#[cfg(test)]
mod cases;
mod control;
mod deframer;
mod forwarded;
mod framer;
mod stream;
mod upgrade;

pub use stream::WsIo;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use super::{Acceptor, Connect, Established, Listener, ProxyProtocol, Tcp};
use crate::app::{AppHandle, config};
use crate::wrapper::Wrapper;
use deframer::Limits;
use upgrade::{Origins, Rules};

/// Accepts WebSocket connections.
///
/// Any path and any origin is served unless told otherwise. The request to
/// upgrade has the time of `pitaya.limits.upgrade.timeout`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use pitaya::acceptor::{Acceptor, WebSocket};
///
/// let mut acceptor = WebSocket::bind("127.0.0.1:0")
///     .paths(["/game"])
///     .origins(["https://game.example"]);
/// acceptor.bind().await?;
/// assert_ne!(acceptor.local_addr().map_or(0, |address| address.port()), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<A = Tcp> {
    inner: A,
    // Shared with every connection that is being established.
    rules: Arc<Rules>,
    limits: Limits,
    /// The time that the request has.
    time: Duration,
}

impl WebSocket {
    /// Listens on an address such as `0.0.0.0:3251`, once the app starts; see
    /// [`Tcp::bind`].
    pub fn bind(address: impl Into<String>) -> Self {
        Self::over(Tcp::bind(address))
    }

    /// Accepts from a listener that is open already: of `std` or of `tokio`.
    pub fn from_listener(listener: impl Into<Listener>) -> Self {
        Self::over(Tcp::from_listener(listener))
    }

    /// Which connections begin with a PROXY protocol header; see
    /// [`Tcp::proxy_protocol`].
    pub fn proxy_protocol(mut self, proxy: ProxyProtocol) -> Self {
        self.inner = self.inner.proxy_protocol(proxy);
        self
    }
}

impl<A> WebSocket<A> {
    /// Speaks WebSocket on the connections of another acceptor.
    pub fn over(acceptor: A) -> Self {
        Self {
            inner: acceptor,
            rules: Arc::default(),
            limits: Limits::default(),
            time: config::Limits::default().upgrade_timeout,
        }
    }

    /// Speaks TLS below the WebSocket: `wss`.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: crate::tls::ServerTls) -> WebSocket<super::Tls<A>> {
        WebSocket {
            inner: super::Tls::over(self.inner, tls),
            rules: self.rules,
            limits: self.limits,
            time: self.time,
        }
    }

    /// Serves only these paths, such as `/game`; others are answered with 404.
    /// A query does not count.
    pub fn paths<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Arc::make_mut(&mut self.rules).paths = Some(paths);
        self
    }

    /// Serves only pages of these origins, such as `https://game.example`;
    /// others are answered with 403. Peers that send no `Origin` header are no
    /// browsers and are served.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        Arc::make_mut(&mut self.rules).origins = Origins::Listed(origins);
        self
    }

    /// Serves only pages that were loaded from the host and port they connect
    /// to; others are answered with 403.
    pub fn same_origin(mut self) -> Self {
        Arc::make_mut(&mut self.rules).origins = Origins::SameHost;
        self
    }

    /// Agrees on one of these sub-protocols (`Sec-WebSocket-Protocol`) with peers
    /// that offer it; if they offer several, on the one that they name first.
    ///
    /// Who offers none of them is served without one. A browser closes a
    /// connection of its own accord if it has asked for some and gets none. A
    /// text that cannot be in that header keeps the app from starting.
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        let protocols = protocols.into_iter().map(Into::into).collect();
        Arc::make_mut(&mut self.rules).protocols = protocols;
        self
    }

    /// Believes what HTTP proxies in these networks (`10.0.0.0/8`,
    /// `2001:db8::/32`, `192.0.2.7`) say of the client's address in
    /// `X-Forwarded-For`; what others say there is not looked at.
    ///
    /// Proxies append to that header, so it is read from its end: the session's
    /// remote address is the first one that is no proxy of these networks, with
    /// port 0, which the header does not tell. A request whose header cannot be
    /// read up to there is answered with 400. A text that is no network keeps
    /// the app from starting.
    pub fn forwarded_for<N: AsRef<str>>(mut self, proxies: impl IntoIterator<Item = N>) -> Self {
        let proxies = proxies.into_iter().collect();
        Arc::make_mut(&mut self.rules).forwarders = Some(proxies);
        self
    }

    /// Refuses messages larger than this many bytes, packet header included,
    /// as soon as they are announced. By default, what a packet can hold.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits.message = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Refuses frames whose payload is larger than this many bytes, as soon as
    /// they are announced: a message may have more in several of them. Close,
    /// ping and pong frames have the standard's limit of 125. By default, what
    /// a message may have.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.limits.frame = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }
}

impl<A: Acceptor> Acceptor for WebSocket<A> {
    type Connect = WebSocketConnect<A::Connect>;

    fn configure(&mut self, app: &AppHandle) {
        self.inner.configure(app);
        self.time = app.config().limits.upgrade_timeout;
    }

    fn wrappers(&self) -> Vec<Arc<dyn Wrapper>> {
        self.inner.wrappers()
    }

    async fn bind(&mut self) -> io::Result<()> {
        self.rules
            .check()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.inner.bind().await
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<Self::Connect> {
        Ok(WebSocketConnect {
            inner: self.inner.accept().await?,
            rules: Arc::clone(&self.rules),
            limits: self.limits,
            time: self.time,
        })
    }

    fn name(&self) -> &'static str {
        "websocket"
    }
}

/// A connection whose HTTP request has not been read yet.
#[derive(Debug)]
pub struct WebSocketConnect<C> {
    inner: C,
    rules: Arc<Rules>,
    limits: Limits,
    time: Duration,
}

impl<C: Connect> Connect for WebSocketConnect<C> {
    type Io = WsIo<C::Io>;

    async fn identify(&mut self) -> io::Result<Option<SocketAddr>> {
        let peer = self.inner.identify().await?;
        // Whom a proxy speaks for is known when the request has been read.
        Ok(peer.filter(|peer| !self.rules.believes(*peer)))
    }

    fn certificates(io: &Self::Io) -> Option<Arc<[Vec<u8>]>> {
        C::certificates(io.get_ref())
    }

    async fn establish(self) -> io::Result<Established<Self::Io>> {
        let mut below = self.inner.establish().await?;
        let upgraded = upgrade::upgrade(&mut below.io, below.peer, &self.rules, self.time).await?;
        Ok(Established {
            io: WsIo::new(below.io, upgraded.early, self.limits),
            peer: upgraded.peer,
            local: below.local,
        })
    }
}
