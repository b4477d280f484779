//! The HTTP/1.1 request that opens a WebSocket, and the answers to it.
//!
//! Which paths, origins and sub-protocols are served is for whoever asks here;
//! no extension is ever agreed on. A peer that is not speaking HTTP is refused at its first
//! wrong byte, because probing clients wait for that.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1_smol::Sha1;
use thiserror::Error;

use crate::json::lossy;

/// Largest request in bytes, headers included.
pub const MAX_REQUEST_LEN: usize = 8 * 1024;

/// Most headers a request may have.
pub const MAX_HEADERS: usize = 64;

/// What the client's key is hashed with (RFC 6455, 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request to upgrade, borrowed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeRequest<'a> {
    /// Path and query as they were sent.
    pub path: &'a str,
    /// The `Host` header.
    pub host: Cow<'a, str>,
    /// The `Origin` header; browsers always send it.
    pub origin: Option<Cow<'a, str>>,
    /// The `Sec-WebSocket-Key` header, for [`accept_response`].
    pub key: &'a str,
    /// The sub-protocols that the peer can speak, the one it prefers first: the
    /// `Sec-WebSocket-Protocol` header.
    pub protocols: Vec<&'a [u8]>,
    /// The lines of the `X-Forwarded-For` header, for servers that know whom to
    /// believe it.
    pub forwarded_for: Vec<&'a [u8]>,
}

/// Why a request is refused. The text is the body of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UpgradeError {
    /// The bytes are no HTTP/1.1 request, for example a TLS hello.
    #[error("malformed HTTP request")]
    Malformed,
    /// The request is larger than [`MAX_REQUEST_LEN`] or has more than
    /// [`MAX_HEADERS`] headers.
    #[error("request headers too large")]
    TooLarge,
    /// A method other than GET.
    #[error("request method is not GET")]
    Method,
    /// An ordinary HTTP request.
    #[error("the client is not using the websocket protocol")]
    NotWebSocket,
    /// A version of the WebSocket protocol other than 13.
    #[error("unsupported version: 13 not found in 'Sec-WebSocket-Version' header")]
    Version,
    /// No key, more than one, or one that is not 16 bytes in base64.
    #[error("'Sec-WebSocket-Key' header must be 16 bytes in base64")]
    Key,
    /// No host, or more than one.
    #[error("missing or repeated 'Host' header")]
    Host,
    /// The page is from another origin; for servers that check, see
    /// [`UpgradeRequest::is_same_origin`].
    #[error("request origin not allowed")]
    Origin,
    /// The path is not one that is served; for servers that check.
    #[error("nothing is served at this path")]
    Path,
    /// A known proxy says something unintelligible; for servers that believe one.
    #[error("malformed 'X-Forwarded-For' header")]
    ForwardedFor,
}

impl UpgradeError {
    /// The HTTP status that says this.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::Key | Self::Host | Self::ForwardedFor => 400,
            Self::Origin => 403,
            Self::Path => 404,
            Self::Method => 405,
            Self::NotWebSocket | Self::Version => 426,
            Self::TooLarge => 431,
        }
    }

    /// The whole answer, after which the connection is closed.
    pub fn response(self) -> Vec<u8> {
        refusal(self.status(), &self.to_string())
    }

    /// The answer to a HEAD request, which has no text.
    pub fn head_response(self) -> Vec<u8> {
        let mut response = self.response();
        let text = self.to_string().len();
        response.truncate(response.len().saturating_sub(text));
        response
    }
}

/// Reads an upgrade request from the start of a stream: the request and the
/// number of bytes it used. `None` means that more bytes are needed.
///
/// # Errors
/// [`UpgradeError`]: send its response and close.
pub fn parse_upgrade(input: &[u8]) -> Result<Option<(UpgradeRequest<'_>, usize)>, UpgradeError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let used = match request.parse(input) {
        Ok(httparse::Status::Complete(used)) if used <= MAX_REQUEST_LEN => used,
        Ok(httparse::Status::Partial) if input.len() < MAX_REQUEST_LEN => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(UpgradeError::TooLarge),
        Err(_) => return Err(UpgradeError::Malformed),
    };
    if request.method != Some("GET") {
        return Err(UpgradeError::Method);
    }
    let headers = Headers(request.headers);
    if !headers.has_token("connection", "upgrade") || !headers.has_token("upgrade", "websocket") {
        return Err(UpgradeError::NotWebSocket);
    }
    if request.version != Some(1) {
        return Err(UpgradeError::Malformed);
    }
    if !headers.has_token("sec-websocket-version", "13") {
        return Err(UpgradeError::Version);
    }
    let key = headers
        .only("sec-websocket-key")
        .and_then(|key| std::str::from_utf8(key).ok())
        .filter(|key| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16))
        .ok_or(UpgradeError::Key)?;
    let host = headers.only("host").ok_or(UpgradeError::Host)?;
    let request = UpgradeRequest {
        path: request.path.unwrap_or("/"),
        host: lossy(host),
        origin: headers.all("origin").next().map(lossy),
        key,
        protocols: headers.tokens("sec-websocket-protocol").collect(),
        forwarded_for: headers.all("x-forwarded-for").collect(),
    };
    Ok(Some((request, used)))
}

/// The headers of one request; names are compared without regard to case.
struct Headers<'h, 'a>(&'h [httparse::Header<'a>]);

impl<'a> Headers<'_, 'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    }

    /// The value of a header that must be there exactly once.
    fn only(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// What a header lists, on one line or several.
    fn tokens(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|token| !token.is_empty())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name)
            .any(|found| found.eq_ignore_ascii_case(token.as_bytes()))
    }
}

impl UpgradeRequest<'_> {
    /// Whether the page that asks was loaded from this host: true without an
    /// `Origin` header, else its host and port must be those of `Host`.
    pub fn is_same_origin(&self) -> bool {
        let Some(origin) = &self.origin else {
            return true;
        };
        let after_scheme = origin.split_once("://").map_or("", |(_, rest)| rest);
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or("");
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        host.eq_ignore_ascii_case(&self.host)
    }
}

/// The answer that accepts an upgrade, for the key of its request. `protocol` is
/// the sub-protocol agreed on, one that the peer has offered.
pub fn accept_response(key: &str, protocol: Option<&str>) -> Vec<u8> {
    let mut response = b"HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: "
        .to_vec();
    response.extend_from_slice(accept_key(key).as_bytes());
    if let Some(protocol) = protocol {
        response.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        response.extend_from_slice(protocol.as_bytes());
    }
    response.extend_from_slice(b"\r\n\r\n");
    response
}

fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(KEY_SUFFIX);
    STANDARD.encode(hash.digest().bytes())
}

/// An answer that refuses, with `reason` as its text. `status` is the HTTP status.
pub fn refusal(status: u16, reason: &str) -> Vec<u8> {
    let (phrase, extra) = match status {
        400 => ("Bad Request", ""),
        403 => ("Forbidden", ""),
        404 => ("Not Found", ""),
        405 => ("Method Not Allowed", "Allow: GET\r\n"),
        408 => ("Request Timeout", ""),
        426 => (
            "Upgrade Required",
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        ),
        429 => ("Too Many Requests", ""),
        431 => ("Request Header Fields Too Large", ""),
        500 => ("Internal Server Error", ""),
        503 => ("Service Unavailable", ""),
        _ => ("Refused", ""),
    };
    let connection = if status == 426 {
        "close, Upgrade"
    } else {
        "close"
    };
    format!(
        "HTTP/1.1 {status} {phrase}\r\n\
         {extra}\
         Connection: {connection}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         \r\n\
         {reason}",
        reason.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "GET /chat?room=1 HTTP/1.1\r\n\
        Host: server.example.com:8080\r\n\
        upgrade: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn refused(request: &str) -> Option<u16> {
        parse_upgrade(request.as_bytes())
            .err()
            .map(UpgradeError::status)
    }

    #[test]
    fn the_sample_of_the_standard_is_accepted() {
        let bytes = [SAMPLE.as_bytes(), b"\x82\x80"].concat();
        let (request, used) = parse_upgrade(&bytes).unwrap().unwrap();
        assert_eq!(used, SAMPLE.len());
        assert_eq!(request.path, "/chat?room=1");
        assert_eq!(request.host, "server.example.com:8080");
        assert_eq!(request.origin.as_deref(), Some("http://example.com"));
        assert!(!request.is_same_origin());
        assert_eq!(
            String::from_utf8(accept_response(request.key, None)).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        );
        assert_eq!(request.protocols, [&b"chat"[..], b"superchat"]);
        let accepted = accept_response(request.key, Some("chat"));
        assert!(accepted.ends_with(b"xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"));
    }

    #[test]
    fn every_prefix_needs_more() {
        for end in 0..SAMPLE.len() {
            assert_eq!(parse_upgrade(&SAMPLE.as_bytes()[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn other_requests_are_refused_with_a_fitting_status() {
        assert_eq!(refused(SAMPLE), None);
        assert_eq!(refused(&SAMPLE.replace("GET", "POST")), Some(405));
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(426));
        assert_eq!(refused(&SAMPLE.replace("WebSocket", "h2c")), Some(426));
        assert_eq!(
            refused(&SAMPLE.replace("keep-alive, Upgrade", "close")),
            Some(426)
        );
        assert_eq!(
            refused(&SAMPLE.replace("Version: 13", "Version: 8")),
            Some(426)
        );
        assert_eq!(refused(&SAMPLE.replace("HTTP/1.1", "HTTP/1.0")), Some(400));
        assert_eq!(refused(&SAMPLE.replace("HTTP/1.1", "HTTP/2.0")), Some(400));
        assert_eq!(refused(&SAMPLE.replace("dGhlI", "")), Some(400));
        assert_eq!(
            refused(&SAMPLE.replace("Sec-WebSocket-Key", "X")),
            Some(400)
        );
        assert_eq!(refused(&SAMPLE.replace("Host", "X")), Some(400));
        let two_hosts = SAMPLE.replace("Origin: http://example.com", "Host: b");
        assert_eq!(refused(&two_hosts), Some(400));
        let many = "X: y\r\n".repeat(MAX_HEADERS);
        assert_eq!(
            refused(&SAMPLE.replace("Host", &format!("{many}Host"))),
            Some(431)
        );
        let long = "y".repeat(MAX_REQUEST_LEN);
        assert_eq!(
            refused(&SAMPLE.replace("Host", &format!("X: {long}\r\nHost"))),
            Some(431)
        );
        assert_eq!(refused(&format!("GET /{long}")), Some(431));
    }

    #[test]
    fn a_tls_hello_is_refused_at_its_first_byte() {
        assert_eq!(parse_upgrade(b"\x16"), Err(UpgradeError::Malformed));
        assert_eq!(parse_upgrade(b"\x16\x03\x01"), Err(UpgradeError::Malformed));
    }

    #[test]
    fn the_origin_is_compared_with_the_host() {
        let same = |host: &str, origin: &str| {
            UpgradeRequest {
                path: "/",
                host: host.into(),
                origin: Some(origin.into()),
                key: "",
                protocols: Vec::new(),
                forwarded_for: Vec::new(),
            }
            .is_same_origin()
        };
        assert!(same("example.com", "https://Example.com"));
        assert!(same("example.com:3251", "https://example.com:3251/"));
        assert!(!same("example.com", "https://example.com:3251"));
        assert!(!same("example.com", "https://example.com.evil.net"));
        assert!(!same("example.com", "https://example.com@evil.net"));
        assert!(!same("example.com", "null"));
        let none = SAMPLE.replace("Origin", "X");
        assert!(
            parse_upgrade(none.as_bytes())
                .unwrap()
                .unwrap()
                .0
                .is_same_origin()
        );
    }

    #[test]
    fn a_refusal_is_a_whole_answer() {
        let text = String::from_utf8(UpgradeError::Version.response()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
            "{head}"
        );
        assert!(head.contains("Sec-WebSocket-Version: 13"), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        let text = String::from_utf8(UpgradeError::Method.response()).unwrap();
        assert!(text.contains("\r\nAllow: GET\r\n"), "{text}");
        let head = String::from_utf8(UpgradeError::Method.head_response()).unwrap();
        assert_eq!(
            Some(head.as_str()),
            text.strip_suffix("request method is not GET")
        );
    }
}
