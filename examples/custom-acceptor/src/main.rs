//! An acceptor of one's own: clients connect over a Unix domain socket.
//!
//! ```sh
//! cargo run --release -p custom-acceptor
//! ```
//!
//! Shows one call through the socket, then serves until Ctrl-C. Everything above the bytes (packets,
//! handshake, heartbeats, sessions, limits) is the framework's: an acceptor only has to yield
//! connections, whatever they run on.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};

use pitaya::acceptor::{Acceptor, Connect, Established};
use pitaya::app::AppBuilder;
use pitaya::app::config::Sources;
use pitaya::client::Target;
use pitaya::prelude::*;
use tokio::net::{UnixListener, UnixStream};

/// Listens on a socket in the file system, and removes it at the end.
struct Unix {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl Unix {
    fn bind(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            listener: None,
        }
    }

    /// A server that was killed leaves its socket behind, and nobody answers it.
    fn remove_stale(&self) -> io::Result<()> {
        match Probe::connect(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(&self.path)
            }
            _ => Ok(()),
        }
    }
}

impl Acceptor for Unix {
    type Connect = Peer;

    /// The error's text is all that the operator sees, so it names the path.
    async fn bind(&mut self) -> io::Result<()> {
        let bound = self
            .remove_stale()
            .and_then(|()| UnixListener::bind(&self.path));
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        };
        self.listener = Some(bound.map_err(named)?);
        Ok(())
    }

    /// There is no IP address to tell.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Yields a peer at once and never waits for what it does: that is for `establish`.
    async fn accept(&mut self) -> io::Result<Peer> {
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (stream, _) = listener.accept().await?;
        Ok(Peer(stream))
    }

    fn name(&self) -> &'static str {
        "unix"
    }
}

impl Drop for Unix {
    fn drop(&mut self) {
        if self.listener.take().is_some() {
            // Nothing can be done about a socket that somebody else has removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

struct Peer(UnixStream);

impl Connect for Peer {
    type Io = UnixStream;

    /// Runs in the connection's own task, under a deadline. Here it could shake hands for TLS; with
    /// Unix sockets the kernel knows who the peer is, and whoever is not welcome gets an error.
    async fn establish(self) -> io::Result<Established<UnixStream>> {
        let peer = self.0.peer_cred()?;
        println!(
            "server: process {:?} of user {} connects",
            peer.pid(),
            peer.uid()
        );
        Ok(Established {
            io: self.0,
            peer: None,
            local: None,
        })
    }
}

struct Greeter;

#[handler]
impl Greeter {
    async fn greet(&self, name: Bytes) -> Result<Bytes> {
        Ok(Bytes::from([b"hello ", &name[..]].concat()))
    }
}

fn greeter(path: &Path) -> AppBuilder {
    App::builder("game")
        .handler(Greeter)
        .acceptor(Unix::bind(path))
}

async fn connect(path: &Path) -> Result<GreeterHandlerClient> {
    let stream = UnixStream::connect(path).await.internal()?;
    Ok(GreeterHandlerClient::connect(Target::stream(stream)).await?)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let path = std::env::temp_dir().join("pitaya.sock");
    let server = greeter(&path)
        .config_from(Sources::process())
        .start()
        .await?;

    let player = connect(&path).await?;
    println!(
        "player: {:?}",
        player.greet(&Bytes::from_static(b"unix")).await?
    );

    server.run().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clients_are_served_over_the_socket() {
        let name = format!("pitaya-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A socket that a killed server left: nobody listens any more.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let server = greeter(&path)
            .config(Config::for_test())
            .start()
            .await
            .unwrap();

        let player = connect(&path).await.unwrap();
        assert_eq!(
            player.greet(&Bytes::from_static(b"you")).await.unwrap(),
            "hello you"
        );

        // A second server does not take the socket from a living one.
        let second = greeter(&path).config(Config::for_test()).start().await;
        let error = second.err().expect("the socket is in use").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(
            player.greet(&Bytes::from_static(b"me")).await.unwrap(),
            "hello me"
        );

        server.shutdown().await;
        assert!(!path.exists(), "the socket is removed");
    }
}
