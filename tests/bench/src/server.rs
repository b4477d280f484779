//! The child's side of a server under test: pins itself, serves, prints its address, ends when its input ends.
//!
//! The program starts itself again as `bench serve <subject> <transport> <core>`; a new server is one more
//! `Subject`. Nothing here measures.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};

use crate::{
    cores, floor, ours,
    wire::{Transport, Wire},
};

/// A server that loads can be run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Floor,
    Pitaya,
}

impl Subject {
    pub(crate) const ALL: [Self; 2] = [Self::Floor, Self::Pitaya];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Pitaya => "pitaya",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|subject| subject.name() == name) {
            Some(subject) => Ok(subject),
            None => bail!(
                "unknown server {name:?}: one of {:?}",
                Self::ALL.map(Self::name)
            ),
        }
    }
}

/// Serves on `core` until standard input ends. Prints the address it listens at as its only line of output.
pub(crate) fn run(subject: Subject, transport: Transport, core: usize) -> Result<()> {
    // The parent may be killed while it has stopped us, and a stopped process does not see its input end.
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("could not tie the server to its parent")?;
    cores::pin(core)?;

    // One worker: figures are per core. Accepting is spawned, because `block_on` runs outside the worker and
    // every connection would cross threads.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let address = runtime.block_on(async {
        match subject {
            Subject::Floor => {
                let (listener, address) = listen()?;
                tokio::spawn(floor::serve(listener, Wire::new(transport)));
                anyhow::Ok(address)
            }
            Subject::Pitaya => ours::start(transport).await,
        }
    })?;

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    stdout.flush()?;

    std::io::stdin().read_to_end(&mut Vec::new())?;
    // Not a return: dropping a runtime with thousands of connections would count as the server's work.
    process::exit(0)
}

/// A listener on a free loopback port. Accepted sockets inherit `TCP_NODELAY`.
fn listen() -> Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_nodelay(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = socket.listen(1024)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
