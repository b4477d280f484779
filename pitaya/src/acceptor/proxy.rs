//! The PROXY protocol, versions 1 and 2: a header before everything else, in which a load balancer
//! tells whom it speaks for (the client protocol, 1.6).
//!
//! The header is taken off the socket without a byte of what follows, so the stream behind it is the
//! same as without.

mod header;

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use self::header::{Header, Proxied, ProxyError, Taken};
use super::listener::canonical;
use super::network::Networks;
use super::refused::refused;
use crate::observe::Refusal;

/// Which connections begin with a PROXY protocol header.
///
/// Such a header says who the client is, so believe it only where nobody but a proxy can connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None: a header is not understood.
    #[default]
    Off,
    /// All: a connection without a header is closed.
    Required,
    /// Those that come from these networks, which have to begin with a header. All others are
    /// clients that connect directly, and a header from one of them closes it.
    From(Networks),
}

impl ProxyProtocol {
    /// A header from proxies in these networks (`10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`), none
    /// from others. A text that is no network keeps the app from starting.
    pub fn from_networks<N: AsRef<str>>(networks: impl IntoIterator<Item = N>) -> Self {
        Self::From(networks.into_iter().collect())
    }

    /// Whether a connection of this peer begins with a header.
    pub(super) fn expects(&self, peer: SocketAddr) -> bool {
        match self {
            Self::Off => false,
            Self::Required => true,
            Self::From(networks) => networks.contains(peer.ip()),
        }
    }
}

/// Takes the header off the socket.
///
/// # Errors
/// The socket's own; its end; a header that is refused.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Proxied> {
    let mut header = Header::default();
    loop {
        // What is behind the header must stay in the socket: look first, then take.
        let mut bytes = [0; 256];
        let seen = stream.peek(&mut bytes).await?;
        let seen = bytes.get_mut(..seen).unwrap_or_default();
        if seen.is_empty() {
            return Err(refuse(ProxyError::NoHeader));
        }
        let taken = header.take(seen).map_err(refuse)?;
        let len = match taken {
            Taken::All => seen.len(),
            Taken::Last(len) => len,
        };
        stream
            .read_exact(seen.get_mut(..len).unwrap_or_default())
            .await?;
        // Only then, also when the header is refused: a close with unread bytes is a reset, which
        // is no good answer to a health check.
        if let Taken::Last(_) = taken {
            let ends = header.ends().map_err(refuse)?;
            return Ok(Proxied {
                client: canonical(ends.client),
                server: canonical(ends.server),
            });
        }
    }
}

fn refuse(error: ProxyError) -> io::Error {
    let refusal = match error {
        ProxyError::NoSource => Refusal::ProxyNoSource,
        _ => Refusal::ProxyHeader,
    };
    refused(refusal, error.to_string())
}
