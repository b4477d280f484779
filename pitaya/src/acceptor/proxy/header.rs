//! What a PROXY protocol header is, apart from any socket.
//!
//! How long a header is gets decided here, byte by byte and bounded; what it says is read by the
//! `proxy-header` crate once it is whole.

use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};

/// The longest header of version 1, line end included.
const MAX_LINE: usize = 107;

/// How much a header of version 2 may announce behind its first 16 bytes: addresses and extensions.
const MAX_BEHIND: usize = 2048;

const LINE_START: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const FIXED: usize = 16;

/// The two ends of a proxied connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proxied {
    pub(crate) client: SocketAddr,
    /// The address that the client connected to.
    pub(crate) server: SocketAddr,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
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

/// As much of a header as has come; never more than [`FIXED`] and [`MAX_BEHIND`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Header {
    bytes: Vec<u8>,
}

/// What of the bytes seen belongs to a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of them, and more is to come.
    All,
    /// So many, which were its last.
    Last(usize),
}

impl Header {
    /// Takes what belongs to the header from the front of `seen`, which follows what was taken before.
    ///
    /// # Errors
    /// It is no header, or too long. Nothing may be taken after that.
    pub(crate) fn take(&mut self, seen: &[u8]) -> Result<Taken, ProxyError> {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(seen);
        let Some(whole) = header_len(&self.bytes)? else {
            return Ok(Taken::All);
        };
        self.bytes.truncate(whole);
        Ok(Taken::Last(whole.saturating_sub(before)))
    }

    /// What the header says, once its last bytes were taken.
    ///
    /// # Errors
    /// It is malformed, or names no client that has an address.
    pub(crate) fn ends(&self) -> Result<Proxied, ProxyError> {
        parse(&self.bytes)
    }
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
        client: addresses.source,
        server: addresses.destination,
    })
}

// By its path, because the fuzz suite holds this file in another place.
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
