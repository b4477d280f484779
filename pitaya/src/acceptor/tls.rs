//! TLS on the connections of another acceptor (the client protocol, 1.5).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, net::SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, InvalidMessage};
use tokio_rustls::server::TlsStream;

use super::linger::linger;
use super::refused::{refused, within};
use super::{Acceptor, Connect, Established};
use crate::app::AppHandle;
use crate::app::config::Limits;
use crate::observe::Refusal;
use crate::tls::ServerTls;
use crate::wrapper::Wrapper;

/// Accepts connections that begin with a TLS handshake; made by
/// [`Tcp::tls`](super::Tcp::tls) and [`WebSocket::tls`](super::WebSocket::tls),
/// or over any other acceptor.
///
/// The handshake has the time of `pitaya.limits.tls.timeout`.
/// On close the client is told that nothing follows.
#[derive(Debug)]
pub struct Tls<A> {
    inner: A,
    // Shared with every connection that is being established.
    rules: Arc<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    tls: ServerTls,
    /// The time that the handshake has.
    time: Duration,
    /// Who counts certificates that cannot be loaded again.
    app: Option<AppHandle>,
}

impl<A> Tls<A> {
    /// Speaks TLS on the connections of another acceptor.
    pub fn over(acceptor: A, tls: ServerTls) -> Self {
        Self {
            inner: acceptor,
            rules: Arc::new(Rules {
                tls,
                time: Limits::default().tls_timeout,
                app: None,
            }),
        }
    }
}

impl<A: Acceptor> Acceptor for Tls<A> {
    type Connect = TlsConnect<A::Connect>;

    fn configure(&mut self, app: &AppHandle) {
        self.inner.configure(app);
        let rules = Arc::make_mut(&mut self.rules);
        rules.time = app.config().limits.tls_timeout;
        rules.app = Some(app.clone());
    }

    fn wrappers(&self) -> Vec<Arc<dyn Wrapper>> {
        self.inner.wrappers()
    }

    async fn bind(&mut self) -> io::Result<()> {
        let tls = self.rules.tls.clone();
        tokio::task::spawn_blocking(move || tls.reload())
            .await
            .map_err(io::Error::other)??;
        self.inner.bind().await
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<Self::Connect> {
        Ok(TlsConnect {
            inner: self.inner.accept().await?,
            rules: Arc::clone(&self.rules),
        })
    }

    fn name(&self) -> &'static str {
        "tls"
    }
}

/// A connection whose handshake has not begun.
#[derive(Debug)]
pub struct TlsConnect<C> {
    inner: C,
    rules: Arc<Rules>,
}

impl<C: Connect> Connect for TlsConnect<C> {
    type Io = TlsIo<C::Io>;

    async fn identify(&mut self) -> io::Result<Option<SocketAddr>> {
        self.inner.identify().await
    }

    fn certificates(io: &Self::Io) -> Option<Arc<[Vec<u8>]>> {
        let shown: Arc<[_]> = io.client_certificates().map(<[u8]>::to_vec).collect();
        (!shown.is_empty()).then_some(shown)
    }

    async fn establish(self) -> io::Result<Established<Self::Io>> {
        // A handshake is work for the processor, and the first poll may be the
        // accept loop's: not there.
        tokio::task::yield_now().await;
        let below = self.inner.establish().await?;
        let rules = self.rules;
        let config = rules.tls.config(rules.app.as_ref()).await;
        let config = config.ok_or_else(|| io::Error::other("the certificate is not loaded"))?;
        let handshake = TlsAcceptor::from(config).accept(below.io);
        match within(rules.time, Refusal::TlsTimeout, handshake.into_fallible()).await? {
            Ok(stream) => Ok(Established {
                io: TlsIo(stream),
                peer: below.peer,
                local: below.local,
            }),
            Err((error, mut io)) => {
                // An alert has been written; the peer should see it.
                linger(&mut io).await;
                Err(refuse(&error))
            }
        }
    }
}

fn refuse(error: &io::Error) -> io::Error {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let refusal = match cause {
        // What the first bytes of anything else look like.
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        )) => Refusal::NotTls,
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            Refusal::ClientCertificate
        }
        _ => Refusal::Tls,
    };
    refused(refusal, format!("the TLS handshake failed: {error}"))
}

/// An encrypted connection.
#[derive(Debug)]
pub struct TlsIo<S>(TlsStream<S>);

impl<S> TlsIo<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref().0
    }

    /// The certificates that the client has shown, its own first, in DER.
    pub fn client_certificates(&self) -> impl Iterator<Item = &[u8]> {
        let shown = self.0.get_ref().1.peer_certificates();
        shown.unwrap_or_default().iter().map(|shown| shown.as_ref())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
