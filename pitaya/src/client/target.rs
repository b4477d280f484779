//! Where to connect to: addresses, URLs, and streams that are connected already.
//!
//! Everything a user may name becomes a [`Target`] first, so a mistake in a text is reported
//! before anything is opened.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Limits};

use super::error::Error;
use super::wire::{ByteStream, StreamWire, WebSocketWire, Wire};
use crate::protocol::packet::{HEADER_LEN, MAX_BODY_LEN};

/// Anything that names where a client connects to.
///
/// | value | transport |
/// |---|---|
/// | `SocketAddr`, `(host, port)`, `"host:port"`, `"tcp://host:port"` | TCP |
/// | `"ws://host:port/path"` | WebSocket |
/// | `"tls://host:port"` | TLS on TCP (feature `tls`; whom to believe: `ClientBuilder::tls`) |
/// | `"wss://host:port/path"` | WebSocket on TLS (feature `tls`) |
/// | `TcpStream`, `DuplexStream`, [`Target::stream`] | a stream that is connected already |
/// | [`Target::web_socket_on`] | WebSocket on a stream that is connected already |
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name anything that a client can connect to",
    note = "give an address, `\"host:port\"` or `\"ws://host:port\"`, or wrap a connected stream in `Target::stream`"
)]
pub trait IntoTarget {
    /// The target.
    ///
    /// # Errors
    /// [`Error::Target`] for a text that names none.
    fn into_target(self) -> Result<Target, Error>;
}

/// Where a client connects to; see [`IntoTarget`].
#[derive(Debug)]
pub struct Target(Kind);

#[derive(Debug)]
enum Kind {
    Address(SocketAddr),
    Host(Host),
    /// With the URL that the upgrade request names.
    WebSocket(Host, String),
    Stream(Stream),
    WebSocketOn {
        url: String,
        stream: Stream,
    },
}

/// A place in the network.
#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    secure: bool,
}

struct Stream(Box<dyn ByteStream>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Target {
    /// A byte stream that is connected already, for example one half of [`tokio::io::duplex`] or a
    /// TLS stream.
    pub fn stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Kind::Stream(Stream(Box::new(stream))))
    }

    /// A byte stream that is connected already, on which the server expects an upgrade to
    /// WebSocket; `url` (`ws://host/path`) is what the upgrade request names.
    pub fn web_socket_on(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        url: impl Into<String>,
    ) -> Self {
        Self(Kind::WebSocketOn {
            url: url.into(),
            stream: Stream(Box::new(stream)),
        })
    }

    /// Connects; the caller sets the deadline. `max_body` bounds a received packet's body.
    pub(super) async fn open(self, max_body: usize, tls: &Tls) -> Result<Box<dyn Wire>, Error> {
        match self.0 {
            Kind::Address(address) => {
                let stream = tcp(TcpStream::connect(address).await)?;
                Ok(Box::new(StreamWire(Box::new(stream))))
            }
            Kind::Host(host) => Ok(Box::new(StreamWire(host.connect(tls).await?))),
            Kind::WebSocket(host, url) => {
                web_socket(host.connect(tls).await?, &url, max_body).await
            }
            Kind::Stream(stream) => Ok(Box::new(StreamWire(stream.0))),
            Kind::WebSocketOn { url, stream } => web_socket(stream.0, &url, max_body).await,
        }
    }
}

fn tcp(stream: std::io::Result<TcpStream>) -> Result<TcpStream, Error> {
    let stream = stream.map_err(Error::Connect)?;
    stream.set_nodelay(true).map_err(Error::Connect)?;
    Ok(stream)
}

/// Whom a client believes.
#[cfg(feature = "tls")]
pub(super) use crate::tls::ClientTls as Tls;

/// Nobody: texts that ask for TLS are no targets then.
#[cfg(not(feature = "tls"))]
#[derive(Debug, Clone, Default)]
pub(super) struct Tls(());

impl Host {
    async fn connect(self, tls: &Tls) -> Result<Box<dyn ByteStream>, Error> {
        if self.secure {
            return secure(&self, tls).await;
        }
        Ok(Box::new(self.open().await?))
    }

    async fn open(&self) -> Result<TcpStream, Error> {
        tcp(TcpStream::connect((self.name.as_str(), self.port)).await)
    }
}

#[cfg(feature = "tls")]
async fn secure(host: &Host, tls: &Tls) -> Result<Box<dyn ByteStream>, Error> {
    // What cannot be used is no reason to bother the server.
    let refused = |error: crate::tls::TlsError| Error::Connect(error.into());
    let name = tls.name_of(&host.name).map_err(refused)?;
    let config = tls.config().await.map_err(refused)?;
    let connect = tokio_rustls::TlsConnector::from(config).connect(name, host.open().await?);
    Ok(Box::new(connect.await.map_err(Error::Connect)?))
}

#[cfg(not(feature = "tls"))]
async fn secure(host: &Host, _: &Tls) -> Result<Box<dyn ByteStream>, Error> {
    Err(unusable(&host.name, NO_TLS))
}

const NO_TLS: &str = "this client has no TLS of its own; enable the feature `tls`, or connect a TLS \
                      stream and use `Target::stream`";

async fn web_socket(
    stream: Box<dyn ByteStream>,
    url: &str,
    max_body: usize,
) -> Result<Box<dyn Wire>, Error> {
    let max_packet = HEADER_LEN.saturating_add(max_body);
    let builder = ClientBuilder::new()
        .uri(url)
        .map_err(|_| unusable(url, "it is not a valid URL"))?
        .limits(Limits::default().max_payload_len(Some(max_packet)))
        // Never split a packet over several frames: no server expects it.
        .config(Config::default().frame_size(HEADER_LEN + MAX_BODY_LEN));
    match builder.connect_on(stream).await {
        Ok((socket, _)) => Ok(Box::new(WebSocketWire(socket))),
        Err(tokio_websockets::Error::Io(error)) => Err(Error::Connect(error)),
        Err(error) => Err(Error::WebSocket(error.to_string())),
    }
}

fn unusable(target: &str, problem: &'static str) -> Error {
    Error::Target {
        target: target.to_owned(),
        problem,
    }
}

fn parse(text: &str) -> Result<Target, Error> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(Target(Kind::Host(host_of(text, text, None, false)?)));
    };
    let scheme = scheme.to_ascii_lowercase();
    let secure = matches!(scheme.as_str(), "tls" | "wss");
    if secure && cfg!(not(feature = "tls")) {
        return Err(unusable(text, NO_TLS));
    }
    match scheme.as_str() {
        "tcp" | "tls" => {
            let authority = rest.trim_end_matches('/');
            let host = host_of(text, authority, None, secure)?;
            Ok(Target(Kind::Host(host)))
        }
        "ws" | "wss" => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let port = if secure { 443 } else { 80 };
            let host = host_of(text, authority, Some(port), secure)?;
            Ok(Target(Kind::WebSocket(host, text.to_owned())))
        }
        _ => Err(unusable(
            text,
            "the scheme is none of `tcp`, `tls`, `ws` and `wss`",
        )),
    }
}

fn host_of(
    target: &str,
    authority: &str,
    default_port: Option<u16>,
    secure: bool,
) -> Result<Host, Error> {
    // An IPv6 address stands in brackets when a port may follow.
    let (host, port) = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err(unusable(target, "the host is missing"));
    }
    let port = match (port, default_port) {
        (Some(port), _) => port
            .parse()
            .map_err(|_| unusable(target, "the port is not a number up to 65535"))?,
        (None, Some(port)) => port,
        (None, None) => return Err(unusable(target, "the port is missing")),
    };
    let name = host.to_owned();
    Ok(Host { name, port, secure })
}

impl IntoTarget for Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self)
    }
}

impl IntoTarget for &str {
    fn into_target(self) -> Result<Target, Error> {
        parse(self)
    }
}

impl IntoTarget for String {
    fn into_target(self) -> Result<Target, Error> {
        parse(&self)
    }
}

impl IntoTarget for &String {
    fn into_target(self) -> Result<Target, Error> {
        parse(self)
    }
}

impl IntoTarget for SocketAddr {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target(Kind::Address(self)))
    }
}

impl IntoTarget for (IpAddr, u16) {
    fn into_target(self) -> Result<Target, Error> {
        SocketAddr::from(self).into_target()
    }
}

impl IntoTarget for (&str, u16) {
    fn into_target(self) -> Result<Target, Error> {
        (self.0.to_owned(), self.1).into_target()
    }
}

impl IntoTarget for (String, u16) {
    fn into_target(self) -> Result<Target, Error> {
        let (name, port) = self;
        Ok(Target(Kind::Host(Host {
            name,
            port,
            secure: false,
        })))
    }
}

impl IntoTarget for TcpStream {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::stream(self))
    }
}

impl IntoTarget for DuplexStream {
    fn into_target(self) -> Result<Target, Error> {
        Ok(Target::stream(self))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let shown = match text.into_target() {
            Ok(target) => format!("{:?}", target.0),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn texts_name_tcp_and_web_socket_targets() {
        check(
            "game.example:3250",
            expect![[r#"Host(Host { name: "game.example", port: 3250, secure: false })"#]],
        );
        check(
            "tcp://10.0.0.1:1/",
            expect![[r#"Host(Host { name: "10.0.0.1", port: 1, secure: false })"#]],
        );
        check(
            "[::1]:3250",
            expect![[r#"Host(Host { name: "::1", port: 3250, secure: false })"#]],
        );
        check(
            "ws://[::1]/a?b",
            expect![[
                r#"WebSocket(Host { name: "::1", port: 80, secure: false }, "ws://[::1]/a?b")"#
            ]],
        );
        check(
            "WS://game.example:3251",
            expect![[
                r#"WebSocket(Host { name: "game.example", port: 3251, secure: false }, "WS://game.example:3251")"#
            ]],
        );
    }

    #[test]
    fn unusable_texts_say_why() {
        check("", expect!["cannot connect to ``: the host is missing"]);
        check(
            "game",
            expect!["cannot connect to `game`: the port is missing"],
        );
        check(
            "game:70000",
            expect!["cannot connect to `game:70000`: the port is not a number up to 65535"],
        );
        check(
            "udp://game:1",
            expect![
                "cannot connect to `udp://game:1`: the scheme is none of `tcp`, `tls`, `ws` and `wss`"
            ],
        );
        check(
            "ws://:80/",
            expect!["cannot connect to `ws://:80/`: the host is missing"],
        );
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn a_client_without_tls_says_what_to_do() {
        check(
            "wss://game",
            expect![
                "cannot connect to `wss://game`: this client has no TLS of its own; enable the feature `tls`, or connect a TLS stream and use `Target::stream`"
            ],
        );
    }

    #[test]
    #[cfg(feature = "tls")]
    fn texts_name_encrypted_targets() {
        check(
            "tls://game.example:3252",
            expect![[r#"Host(Host { name: "game.example", port: 3252, secure: true })"#]],
        );
        check(
            "tls://game.example",
            expect!["cannot connect to `tls://game.example`: the port is missing"],
        );
        check(
            "wss://game.example/a",
            expect![[
                r#"WebSocket(Host { name: "game.example", port: 443, secure: true }, "wss://game.example/a")"#
            ]],
        );
    }
}
