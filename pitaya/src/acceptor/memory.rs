//! Connections inside the process: for tests and simulations that want a
//! whole server without a socket.

use std::{io, net::SocketAddr};

use tokio::{
    io::DuplexStream,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::{Acceptor, Connect, Established};

/// A connector and the acceptor it reaches.
///
/// `capacity` is how many bytes each direction of a connection holds before
/// its writer has to wait, as the buffers of a socket do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use pitaya::acceptor::{self, Acceptor, Connect};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (connector, mut acceptor) = acceptor::memory(64 * 1024);
/// let mut client = connector.connect()?;
/// let mut server = acceptor.accept().await?.establish().await?.io;
///
/// client.write_all(&[3, 0, 0, 0]).await?;
/// assert_eq!(server.read_u32().await?, 0x0300_0000);
/// # Ok(())
/// # }
/// ```
pub fn memory(capacity: usize) -> (Connector, Memory) {
    let (peers, queue) = mpsc::unbounded_channel();
    (Connector { peers, capacity }, Memory { queue })
}

/// The client side of [`memory`]: opens connections.
#[derive(Debug, Clone)]
pub struct Connector {
    // Unbounded so that connecting needs no await; each entry is a connection
    // that a test holds the other end of.
    peers: UnboundedSender<DuplexStream>,
    capacity: usize,
}

impl Connector {
    /// Opens a connection. It is there at once, whether or not it has been
    /// accepted.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the acceptor is gone.
    pub fn connect(&self) -> io::Result<DuplexStream> {
        let (client, server) = tokio::io::duplex(self.capacity);
        self.peers
            .send(server)
            .map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(client)
    }
}

/// The server side of [`memory`]: accepts what its [`Connector`] opens.
#[derive(Debug)]
pub struct Memory {
    queue: UnboundedReceiver<DuplexStream>,
}

impl Acceptor for Memory {
    type Connect = MemoryConnect;

    async fn bind(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn accept(&mut self) -> io::Result<MemoryConnect> {
        match self.queue.recv().await {
            Some(stream) => Ok(MemoryConnect { stream }),
            // Every connector is gone. That is no error to retry: it is a
            // listener to which nobody will ever connect again.
            None => std::future::pending().await,
        }
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}

/// A connection of a [`Memory`] acceptor.
#[derive(Debug)]
pub struct MemoryConnect {
    stream: DuplexStream,
}

impl Connect for MemoryConnect {
    type Io = DuplexStream;

    async fn establish(self) -> io::Result<Established<DuplexStream>> {
        Ok(Established {
            io: self.stream,
            peer: None,
            local: None,
        })
    }
}
