//! Listeners: one accept loop for each acceptor, one task for each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Core;
use crate::acceptor::{Acceptor, Connect, Established, refusal_of};
use crate::agent::{Conn, Machine, serve};
use crate::app::config::Config;
use crate::handler::BoxFuture;
use crate::observe::Refusal;
use crate::wrapper::{Guard, Wrappers};

/// An acceptor behind a `dyn`.
pub(super) trait Listen: Send {
    fn configure(&mut self, config: &Config);
    fn bind(&mut self) -> BoxFuture<'_, io::Result<()>>;
    fn name(&self) -> &'static str;
    fn local_addr(&self) -> Option<SocketAddr>;
    fn run(self: Box<Self>, core: Arc<Core>, stop: CancellationToken) -> BoxFuture<'static, ()>;
}

impl<A: Acceptor> Listen for A {
    fn configure(&mut self, config: &Config) {
        Acceptor::configure(self, config);
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
    // What needs no help of the peer is ready at once, and gets along without a task of its own.
    let mut establish = Box::pin(connect.establish());
    if let Some(established) = (&mut establish).now_or_never() {
        return match established {
            Ok(established) => run(established, core, pending, wrappers),
            Err(error) => failed(core, &error),
        };
    }
    let (core, wrappers) = (core.clone(), wrappers.clone());
    app.tasks().spawn(async move {
        let established = tokio::time::timeout(core.limits().establish, establish);
        let established = tokio::select! {
            established = established => established,
            () = core.app().stopping() => return,
        };
        match established {
            Ok(Ok(established)) => run(established, &core, pending, &wrappers),
            Ok(Err(error)) => failed(&core, &error),
            Err(_) => core
                .app()
                .metrics()
                .connection_refused(Refusal::EstablishTimeout),
        }
    });
}

fn failed(core: &Core, error: &io::Error) {
    core.app().metrics().connection_refused(refusal_of(error));
    tracing::debug!(%error, "a connection was not established");
}

fn run<Io>(
    established: Established<Io>,
    core: &Arc<Core>,
    pending: super::Pending,
    wrappers: &Wrappers,
) where
    Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let app = core.app();
    let Ok(guard) = Guard::open(wrappers, app) else {
        return app.metrics().connection_refused(Refusal::Establish);
    };
    // Again: while this one was established, others were too.
    let session = match app.pool().open(app, established.peer, core.limits().most) {
        Ok(session) => session,
        Err(refusal) => return app.metrics().connection_refused(refusal),
    };
    app.metrics()
        .connected_clients
        .set(app.pool().count() as f64);
    let limits = core.limits();
    let machine = Machine::new(Instant::now(), limits.heartbeat, limits.handshake);
    let conn = Conn::new(established.io, machine, pending, guard);
    app.tasks().spawn(serve(core.clone(), session, conn));
}
