//! The end of a connection that is refused with an answer.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How much of a refused peer's data is read and dropped, in bytes.
const MAX_DRAINED: u64 = 64 * 1024;

/// How long a refused peer has to see its answer.
const MAX_TIME: Duration = Duration::from_millis(500);

/// Says that nothing follows what was written, and waits a little for the peer
/// to be done: closing while it is still sending would reset the connection,
/// and the answer might never be seen.
pub(super) async fn linger<S>(stream: &mut S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_DRAINED), &mut tokio::io::sink()).await
    };
    // However it ends, the connection is over.
    let _ = timeout(MAX_TIME, drained).await;
}
