//! The HTTP request that opens a WebSocket: read, judged, answered.
//!
//! Bounded in bytes here and in time by whoever runs it. Nothing is answered
//! before everything is judged: a 101 cannot be taken back.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::protocol::websocket::{
    MAX_REQUEST_LEN, UpgradeError, UpgradeRequest, accept_response, parse_upgrade,
};

/// What most requests fit in.
const USUAL_REQUEST_LEN: usize = 1024;

/// How much of a refused peer's data is read and dropped, in bytes.
const MAX_DRAINED: u64 = 64 * 1024;

/// Which requests are accepted.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// Paths without query; `None` is all of them.
    pub(super) paths: Option<Vec<String>>,
    pub(super) origins: Origins,
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

impl Rules {
    pub(super) fn judge(&self, request: &UpgradeRequest<'_>) -> Result<(), UpgradeError> {
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
        if allowed {
            Ok(())
        } else {
            Err(UpgradeError::Origin)
        }
    }
}

/// Reads the request and answers it; returns what the peer sent behind it.
///
/// # Errors
/// The stream's own; the end of the stream; a request that was refused.
pub(super) async fn upgrade<S>(stream: &mut S, rules: &Rules) -> io::Result<Vec<u8>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut input = Vec::with_capacity(USUAL_REQUEST_LEN);
    loop {
        let before = input.len();
        if stream.read_buf(&mut input).await? == 0 {
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
        let judged = parse_upgrade(&input).and_then(|parsed| {
            let Some((request, used)) = parsed else {
                return Ok(None);
            };
            rules.judge(&request)?;
            Ok(Some((accept_response(request.key), used)))
        });
        match judged {
            Ok(None) => {}
            Ok(Some((response, used))) => {
                stream.write_all(&response).await?;
                stream.flush().await?;
                return Ok(input.split_off(used.min(input.len())));
            }
            Err(error) => {
                refuse(stream, error).await?;
                let text = format!("upgrade refused with {}: {error}", error.status());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
    }
}

/// Answers, says that nothing follows, and waits for the peer to be done:
/// closing while it is still sending would reset the connection, and the
/// answer might never be seen.
async fn refuse<S>(stream: &mut S, error: UpgradeError) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&error.response()).await?;
    stream.shutdown().await?;
    let mut dropped = tokio::io::sink();
    tokio::io::copy(&mut stream.take(MAX_DRAINED), &mut dropped).await?;
    Ok(())
}
