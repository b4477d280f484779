//! The PROXY protocol, versions 1 and 2: a header before everything else, in which a load balancer
//! tells whom it speaks for (the client protocol, 1.6).
//!
//! The header is taken off the socket without a byte of what follows, so the stream behind it is the
//! same as without. How long a header is gets decided here, byte by byte and bounded; what it says is
//! read by the `proxy-header` crate once it is whole.

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::listener::canonical;
use super::network::Networks;
use super::refused::refused;
use crate::observe::Refusal;

/// The longest header of version 1, line end included.
const MAX_LINE: usize = 107;

/// How much a header of version 2 may announce behind its first 16 bytes: addresses and extensions.
const MAX_BEHIND: usize = 2048;

const LINE_START: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const FIXED: usize = 16;

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

/// The two ends of a proxied connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proxied {
    pub(super) client: SocketAddr,
    /// The address that the client connected to.
    pub(super) server: SocketAddr,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum ProxyError {
    #[error("not a PROXY protocol header")]
    NoHeader,
    #[error("a PROXY protocol header that is too long")]
    TooLong,
    #[error("a malformed PROXY protocol header")]
    Malformed,
    #[error("a PROXY protocol header with addresses that are no IP addresses")]
    Family,
    /// `UNKNOWN`, `LOCAL` or no family: a health check, which is answered well by the close.
    #[error("a PROXY protocol header that names no client")]
    NoSource,
}

/// Takes the header off the socket.
///
/// # Errors
/// The socket's own; its end; a header that is refused.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Proxied> {
    let mut header = Vec::new();
    loop {
        // What is behind the header must stay in the socket: look first, then take.
        let mut bytes = [0; 256];
        let seen = stream.peek(&mut bytes).await?;
        let seen = bytes.get(..seen).unwrap_or_default();
        if seen.is_empty() {
            return Err(refuse(ProxyError::NoHeader));
        }
        let before = header.len();
        header.extend_from_slice(seen);
        let whole = header_len(&header).map_err(refuse)?;
        header.truncate(whole.unwrap_or(header.len()));
        let taken = header.get_mut(before..).unwrap_or_default();
        stream.read_exact(taken).await?;
        if whole.is_some() {
            return parse(&header).map_err(refuse);
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

/// The length of the header at the start of `bytes`; `None` if all of them belong to it and more is
/// to come.
fn header_len(bytes: &[u8]) -> Result<Option<usize>, ProxyError> {
    if is_start(bytes, LINE_START) {
        let line = bytes.get(..MAX_LINE).unwrap_or(bytes);
        return match line.iter().position(|&byte| byte == b'\n') {
            Some(end) => Ok(Some(end + 1)),
            None if bytes.len() < MAX_LINE => Ok(None),
            None => Err(ProxyError::TooLong),
        };
    }
    if !is_start(bytes, SIGNATURE) {
        return Err(ProxyError::NoHeader);
    }
    let Some(&[.., high, low]) = bytes.first_chunk::<FIXED>() else {
        return Ok(None);
    };
    let behind = usize::from(u16::from_be_bytes([high, low]));
    if behind > MAX_BEHIND {
        return Err(ProxyError::TooLong);
    }
    let len = FIXED + behind;
    Ok((bytes.len() >= len).then_some(len))
}

/// Whether `bytes` begin with `start`, as far as they go.
fn is_start(bytes: &[u8], start: &[u8]) -> bool {
    bytes
        .iter()
        .zip(start)
        .all(|(byte, expected)| byte == expected)
}

/// Reads one whole header.
fn parse(header: &[u8]) -> Result<Proxied, ProxyError> {
    if header.starts_with(LINE_START) {
        // The crate takes any text behind UNKNOWN, as the specification asks, but also a word that
        // only begins so; and it reads `+80` as a number.
        let unknown = header.strip_prefix(b"PROXY UNKNOWN");
        let is_word = unknown.is_none_or(|rest| matches!(rest.first(), Some(b' ' | b'\r')));
        if !is_word || (unknown.is_none() && header.contains(&b'+')) {
            return Err(ProxyError::Malformed);
        }
    } else {
        match (header.get(12), header.get(13)) {
            // A proxy on its own behalf: what else it says does not count.
            (Some(0x20), _) => return Err(ProxyError::NoSource),
            (_, Some(0x31 | 0x32)) => return Err(ProxyError::Family),
            _ => {}
        }
    }
    let config = ParseConfig {
        include_tlvs: false,
        ..ParseConfig::default()
    };
    let (parsed, used) = ProxyHeader::parse(header, config).map_err(|_| ProxyError::Malformed)?;
    if used != header.len() {
        return Err(ProxyError::Malformed);
    }
    let addresses = parsed.proxied_address().ok_or(ProxyError::NoSource)?;
    Ok(Proxied {
        client: canonical(addresses.source),
        server: canonical(addresses.destination),
    })
}

#[cfg(test)]
mod tests;
