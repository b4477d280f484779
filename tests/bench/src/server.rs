//! The child's side of a server under test: pins itself, serves, prints its address, obeys what its parent writes,
//! ends when its input ends.
//!
//! The program starts itself again as `bench serve <subject> <transport> <core> [<bus>]`; a new server is one more
//! `Subject`. Nothing here measures.

use std::{
    future::Future,
    io::{BufRead as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    process,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};

use crate::{
    cluster::{apps, raw},
    cores, floor, ours,
    tls::Pair,
    wire::{Transport, Wire},
};

/// A server that loads can be run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Floor,
    Pitaya,
    /// A frontend without handlers of its own, which calls over NATS.
    Frontend,
    /// A server of another type, which is called over NATS.
    Backend,
    /// The same with a serializer that counts what it encodes.
    CountingBackend,
    /// Frontend and backend in one process, without a bus.
    Local,
    /// Calls over NATS with the client library alone.
    RawCaller,
    /// Answers those calls.
    RawResponder,
    /// Counts what travels over NATS.
    Observer,
}

impl Subject {
    pub(crate) const ALL: [Self; 9] = [
        Self::Floor,
        Self::Pitaya,
        Self::Frontend,
        Self::Backend,
        Self::CountingBackend,
        Self::Local,
        Self::RawCaller,
        Self::RawResponder,
        Self::Observer,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Pitaya => "pitaya",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::CountingBackend => "counting-backend",
            Self::Local => "local",
            Self::RawCaller => "raw-caller",
            Self::RawResponder => "raw-responder",
            Self::Observer => "observer",
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

/// A server that runs in this process.
pub(crate) struct Running {
    /// Where clients connect; unspecified where none do.
    pub(crate) address: SocketAddr,
    /// What others have to know of it, on one line: servers, or clients its certificate; may be empty.
    pub(crate) record: String,
    /// What it does for a line from its parent, and answers on one line.
    pub(crate) obey: Obey,
}

pub(crate) type Obey = Box<dyn Fn(String) -> Obeyed>;
pub(crate) type Obeyed = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

impl Running {
    /// A server that takes clients and obeys nobody.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self {
            address,
            record: String::new(),
            obey: Box::new(|line| {
                Box::pin(async move { bail!("not a server that does {line:?}") })
            }),
        }
    }

    /// A server whose clients have to know its certificate.
    fn encrypted(address: SocketAddr, pair: &Pair) -> Self {
        Self {
            record: pair.record(),
            ..Self::at(address)
        }
    }
}

/// Serves on `core` until standard input ends. Prints its address and record as the first line of output, and an
/// answer for each line of input.
pub(crate) fn run(
    subject: Subject,
    transport: Transport,
    core: usize,
    bus: Option<&str>,
) -> Result<()> {
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
    let running = runtime.block_on(async {
        let bus = || bus.context("this server needs a bus");
        match subject {
            Subject::Floor if transport == Transport::Tls => {
                let (listener, address) = listen()?;
                let (pair, wire) = (Pair::generate()?, Wire::new(transport));
                tokio::spawn(floor::serve_encrypted(listener, pair.acceptor()?, wire));
                Ok(Running::encrypted(address, &pair))
            }
            Subject::Pitaya if transport == Transport::Tls => {
                let pair = Pair::generate()?;
                let address = ours::start(ours::encrypted(pair.server())).await?;
                Ok(Running::encrypted(address, &pair))
            }
            Subject::Floor => {
                let (listener, address) = listen()?;
                tokio::spawn(floor::serve(listener, Wire::new(transport)));
                Ok(Running::at(address))
            }
            Subject::Pitaya => {
                let frontend = ours::frontend(transport, ours::config());
                Ok(Running::at(ours::start(frontend?).await?))
            }
            Subject::Frontend => apps::frontend(transport, bus()?).await,
            Subject::Backend => apps::backend(bus()?).await,
            Subject::CountingBackend => apps::counting_backend(bus()?).await,
            Subject::Local => apps::local(transport).await,
            Subject::RawCaller => raw::caller(bus()?).await,
            Subject::RawResponder => raw::responder(bus()?).await,
            Subject::Observer => raw::observer(bus()?).await,
        }
    })?;

    let say = |line: &str| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    };
    say(&format!("{} {}", running.address, running.record))?;
    for line in std::io::stdin().lock().lines() {
        let obeyed = runtime.block_on(runtime.spawn((running.obey)(line?)))?;
        say(&obeyed?)?;
    }
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
