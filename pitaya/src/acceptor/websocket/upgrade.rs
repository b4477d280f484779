//! The HTTP request that opens a WebSocket: read, judged, answered.
//!
//! Bounded in bytes and in time. Nothing is answered before everything is
//! judged: a 101 cannot be taken back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::forwarded;
use crate::acceptor::linger::linger;
use crate::acceptor::network::Networks;
use crate::acceptor::refused::{refused, within};
use crate::observe::Refusal;
use crate::protocol::websocket::{
    MAX_REQUEST_LEN, UpgradeError, UpgradeRequest, accept_response, parse_upgrade,
};

/// What most requests fit in.
const USUAL_REQUEST_LEN: usize = 1024;

/// Which requests are accepted.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// Paths without query; `None` is all of them.
    pub(super) paths: Option<Vec<String>>,
    pub(super) origins: Origins,
    /// Sub-protocols that are spoken.
    pub(super) protocols: Vec<String>,
    /// Proxies that are believed what they say in `X-Forwarded-For`.
    pub(super) forwarders: Option<Networks>,
}

/// Which pages may open a connection. Peers that name no origin are no
/// browsers, and are always served.
#[derive(Debug, Clone, Default)]
pub(super) enum Origins {
    #[default]
    Any,
    SameHost,
    Listed(Vec<String>),
}

/// An accepted request.
pub(super) struct Upgraded {
    /// What the peer sent behind it.
    pub(super) early: Vec<u8>,
    /// Who the client is.
    pub(super) peer: Option<SocketAddr>,
}

impl Rules {
    /// Who the client is, unless the request is refused.
    fn judge(
        &self,
        request: &UpgradeRequest<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<Option<SocketAddr>, UpgradeError> {
        if let Some(paths) = &self.paths {
            let asked = request.path.split('?').next().unwrap_or_default();
            if !paths.iter().any(|path| path == asked) {
                return Err(UpgradeError::Path);
            }
        }
        let allowed = match (&self.origins, &request.origin) {
            (Origins::Any, _) | (_, None) => true,
            (Origins::SameHost, _) => request.is_same_origin(),
            (Origins::Listed(origins), Some(asked)) => origins
                .iter()
                .any(|origin| origin.eq_ignore_ascii_case(asked)),
        };
        if !allowed {
            return Err(UpgradeError::Origin);
        }
        match (&self.forwarders, peer) {
            (Some(proxies), Some(proxy)) => {
                forwarded::client(proxy, &request.forwarded_for, proxies).map(Some)
            }
            _ => Ok(peer),
        }
    }

    /// Whether this peer is a proxy that says who the client is.
    pub(super) fn believes(&self, peer: SocketAddr) -> bool {
        let proxies = self.forwarders.as_ref();
        proxies.is_some_and(|proxies| proxies.contains(peer.ip()))
    }

    /// The sub-protocol to speak: of those that both know the one that the peer
    /// likes best.
    fn protocol(&self, request: &UpgradeRequest<'_>) -> Option<&str> {
        let known = |offered: &[u8]| {
            self.protocols
                .iter()
                .find(|known| known.as_bytes() == offered)
        };
        let chosen = request.protocols.iter().find_map(|offered| known(offered));
        chosen.map(String::as_str)
    }

    /// A text that says what cannot be used, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(networks) = &self.forwarders {
            networks.check().map_err(|error| error.to_string())?;
        }
        // What a header may hold (RFC 9110, 5.6.2): anything else would end it, or forge another.
        let is_token = |name: &str| {
            let valid =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !name.is_empty() && name.bytes().all(valid)
        };
        match self.protocols.iter().find(|name| !is_token(name)) {
            Some(name) => Err(format!("{name:?} is no name of a sub-protocol")),
            None => Ok(()),
        }
    }
}

/// The cause that a refused request is counted under.
fn cause(error: UpgradeError) -> Refusal {
    match error {
        UpgradeError::Malformed => Refusal::NotHttp,
        UpgradeError::TooLarge => Refusal::UpgradeTooLarge,
        UpgradeError::NotWebSocket | UpgradeError::Method => Refusal::NotWebSocket,
        UpgradeError::Path => Refusal::UpgradePath,
        UpgradeError::Origin => Refusal::UpgradeOrigin,
        UpgradeError::Version
        | UpgradeError::Key
        | UpgradeError::Host
        | UpgradeError::ForwardedFor => Refusal::Upgrade,
    }
}

/// Reads the request of `peer`, which has this much time for it, and answers it.
///
/// # Errors
/// The stream's own; the end of the stream; a request that took too long or was refused.
pub(super) async fn upgrade<S>(
    stream: &mut S,
    peer: Option<SocketAddr>,
    rules: &Rules,
    time: Duration,
) -> io::Result<Upgraded>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut input = Vec::with_capacity(USUAL_REQUEST_LEN);
    let request = read(stream, &mut input, peer, rules);
    match within(time, Refusal::UpgradeTimeout, request).await?? {
        Ok(Accepted {
            response,
            used,
            peer,
        }) => {
            stream.write_all(&response).await?;
            stream.flush().await?;
            let early = input.split_off(used.min(input.len()));
            Ok(Upgraded { early, peer })
        }
        Err(error) => {
            // Whether or not the peer gets the answer, this is the cause.
            let answer = match input.starts_with(b"HEAD ") {
                true => error.head_response(),
                false => error.response(),
            };
            if stream.write_all(&answer).await.is_ok() {
                linger(stream).await;
            }
            let text = format!("upgrade refused with {}: {error}", error.status());
            Err(refused(cause(error), text))
        }
    }
}

/// What a request is answered that is accepted.
struct Accepted {
    response: Vec<u8>,
    /// How many bytes the request has.
    used: usize,
    peer: Option<SocketAddr>,
}

/// Reads until the request can be judged.
async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut Vec<u8>,
    peer: Option<SocketAddr>,
    rules: &Rules,
) -> io::Result<Result<Accepted, UpgradeError>> {
    loop {
        let before = input.len();
        if stream.read_buf(input).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "closed before the upgrade",
            ));
        }
        // A request that trickles in is not parsed again for every byte. At the
        // first ones it is, because what is no HTTP at all shows there.
        let news = input.get(before..).unwrap_or_default();
        if before > 0 && input.len() < MAX_REQUEST_LEN && !news.contains(&b'\n') {
            continue;
        }
        let judged = parse_upgrade(input).and_then(|parsed| {
            let Some((request, used)) = parsed else {
                return Ok(None);
            };
            let peer = rules.judge(&request, peer)?;
            let response = accept_response(request.key, rules.protocol(&request));
            Ok(Some(Accepted {
                response,
                used,
                peer,
            }))
        });
        if let Some(judged) = judged.transpose() {
            return Ok(judged);
        }
    }
}
