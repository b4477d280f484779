//! Listeners: one accept loop for each acceptor, one task for each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{AppHandle, Core, Pending};
use crate::acceptor::{Acceptor, Connect, Established, refusal_of, refused};
use crate::agent::{Conn, Machine, serve};
use crate::handler::BoxFuture;
use crate::observe::Refusal;
use crate::session::Place;
use crate::wrapper::{Guard, Wrappers};

/// An acceptor behind a `dyn`.
pub(super) trait Listen: Send {
    fn configure(&mut self, app: &AppHandle);
    fn bind(&mut self) -> BoxFuture<'_, io::Result<()>>;
    fn name(&self) -> &'static str;
    fn local_addr(&self) -> Option<SocketAddr>;
    fn run(self: Box<Self>, core: Arc<Core>, stop: CancellationToken) -> BoxFuture<'static, ()>;
}

impl<A: Acceptor> Listen for A {
    fn configure(&mut self, app: &AppHandle) {
        Acceptor::configure(self, app);
    }

    fn bind(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(Acceptor::bind(self))
    }

    fn name(&self) -> &'static str {
        Acceptor::name(self)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Acceptor::local_addr(self)
    }

    fn run(self: Box<Self>, core: Arc<Core>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(accept(*self, core, stop))
    }
}

/// The pauses after accept errors in a row: running out of file descriptors must not spin.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

async fn accept<A: Acceptor>(mut acceptor: A, core: Arc<Core>, stop: CancellationToken) {
    let wrappers: Wrappers = acceptor.wrappers().into();
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = acceptor.accept() => accepted,
        };
        match accepted {
            Ok(connect) => {
                pause = FIRST_PAUSE;
                start(connect, &core, &wrappers);
            }
            Err(error) => {
                core.app().metrics().connection_refused(Refusal::Accept);
                tracing::warn!(acceptor = acceptor.name(), %error, "cannot accept a connection");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn start<C: Connect>(connect: C, core: &Arc<Core>, wrappers: &Wrappers) {
    let app = core.app();
    if !core.is_in_pace() {
        return app.metrics().connection_refused(Refusal::Pace);
    }
    let limit = core.limits().most.sessions;
    if limit > 0 && app.pool().count() >= limit {
        return app.metrics().connection_refused(Refusal::Connections);
    }
    let Some(pending) = core.pending() else {
        return app.metrics().connection_refused(Refusal::Handshakes);
    };
    let addresses = (core.limits().most.of_address > 0).then(|| app.clone());
    let mut arrival = Box::pin(arrive(connect, addresses));
    // What needs no help of the peer is ready at once, and gets along without a task of its own.
    let arrived = (&mut arrival).now_or_never();
    let now = Instant::now();
    let handshake_by = now + core.limits().handshake;
    if let Some(arrived) = arrived {
        return match arrived {
            Ok(arrived) => run(arrived, now, handshake_by, core, pending, wrappers),
            Err(error) => failed(core, &error),
        };
    }
    let (core, wrappers) = (core.clone(), wrappers.clone());
    app.tasks().spawn(async move {
        let arrived = tokio::select! {
            arrived = tokio::time::timeout_at(handshake_by, arrival) => arrived,
            () = core.app().stopping() => return,
        };
        let now = Instant::now();
        match arrived {
            Ok(Ok(arrived)) => run(arrived, now, handshake_by, &core, pending, &wrappers),
            Ok(Err(error)) => failed(&core, &error),
            Err(_) => core
                .app()
                .metrics()
                .connection_refused(Refusal::HandshakeTimeout),
        }
    });
}

/// A connection that is ready for packets, and its place among those of its address.
struct Arrived<C: Connect> {
    established: Established<C::Io>,
    place: Option<Place>,
}

/// Establishes a connection. Where those of one address are limited, it is counted as soon as its
/// address is known: nobody can hold all handshakes.
async fn arrive<C: Connect>(
    mut connect: C,
    addresses: Option<AppHandle>,
) -> io::Result<Arrived<C>> {
    let mut place = None;
    if let Some(app) = addresses
        && let Some(peer) = connect.identify().await?
    {
        let taken = Place::take(&app, peer);
        place = Some(taken.map_err(|refusal| refused(refusal, "too many of this address"))?);
    }
    let established = connect.establish().await?;
    Ok(Arrived { established, place })
}

fn failed(core: &Core, error: &io::Error) {
    core.app().metrics().connection_refused(refusal_of(error));
    tracing::debug!(%error, "a connection was not established");
}

fn run<C: Connect>(
    arrived: Arrived<C>,
    now: Instant,
    handshake_by: Instant,
    core: &Arc<Core>,
    pending: Pending,
    wrappers: &Wrappers,
) {
    let Arrived { established, place } = arrived;
    let app = core.app();
    let Ok(guard) = Guard::open(wrappers, app) else {
        return app.metrics().connection_refused(Refusal::Establish);
    };
    let session = match app.pool().open(app, established.peer, place) {
        Ok(session) => session,
        Err(refusal) => return app.metrics().connection_refused(refusal),
    };
    if let Some(shown) = C::certificates(&established.io) {
        session.set_peer_certificates(shown);
    }
    app.metrics()
        .connected_clients
        .set(app.pool().count() as f64);
    let machine = Machine::new(now, core.limits().heartbeat, handshake_by);
    let conn = Conn::new(established.io, machine, pending, guard);
    app.tasks().spawn(serve(core.clone(), session, conn));
}
