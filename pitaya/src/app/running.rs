//! A running app: its start, which the builder drives, and its shutdown.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::lifecycle::{Part, Stage};
use super::listen::Listen;
use super::signal::Signals;
use super::{AppHandle, Core, Report, StartError};
use crate::cluster::{Door, Service};
use crate::error::{Error, Result, codes};
use crate::session::CloseReason;
use crate::session::outbound::End;

/// A running app. Dropping it stops it without ceremony; [`App::shutdown`] stops it in order.
#[must_use = "dropping an app stops it"]
pub struct App {
    handle: AppHandle,
    modules: Vec<NamedPart>,
    components: Vec<NamedPart>,
    listeners: Vec<JoinHandle<()>>,
    addresses: Vec<Option<SocketAddr>>,
    /// Ends the accept loops and the housekeeping.
    closing: CancellationToken,
    /// Ends the accept loops alone.
    accepting: CancellationToken,
    /// The app as other servers call it.
    service: Option<Arc<Service>>,
}

pub(super) struct NamedPart {
    pub(super) name: String,
    pub(super) part: Box<dyn Part>,
    /// Its `init` went well, so its shutdown is due at the end.
    initialised: bool,
}

impl NamedPart {
    pub(super) fn new(name: String, part: impl Part + 'static) -> Self {
        Self {
            name,
            part: Box::new(part),
            initialised: false,
        }
    }

    async fn run(&self, stage: Stage, app: &AppHandle) -> Result<()> {
        caught(async { self.part.run(stage, app).await }).await
    }
}

/// Runs one step of the start or the end; a panic is an error like any other, so that the steps
/// which undo others are run.
pub(super) async fn caught<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    let panicked = |_| Err(Error::new(codes::INTERNAL, "it panicked"));
    AssertUnwindSafe(step)
        .catch_unwind()
        .await
        .unwrap_or_else(panicked)
}

/// What the builder hands over.
pub(super) struct Parts {
    pub(super) handle: AppHandle,
    pub(super) modules: Vec<NamedPart>,
    pub(super) components: Vec<NamedPart>,
}

impl App {
    /// Starts to describe an app; `server_type` is the first part of its routes.
    pub fn builder(server_type: impl Into<String>) -> super::AppBuilder {
        super::AppBuilder::new(server_type.into())
    }

    /// A handle to the app.
    pub fn handle(&self) -> &AppHandle {
        &self.handle
    }

    /// The state of the app at this moment, for an operator.
    pub fn report(&self) -> Report {
        self.handle.report()
    }

    /// The real address of the acceptor at this index, in order of registration.
    ///
    /// `None` when there is no such acceptor, or it has no address.
    pub fn local_addr(&self, acceptor: usize) -> Option<SocketAddr> {
        self.addresses.get(acceptor).copied().flatten()
    }

    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            handle,
            modules,
            components,
        } = parts;
        let closing = CancellationToken::new();
        Self {
            handle,
            modules,
            components,
            listeners: Vec::new(),
            addresses: Vec::new(),
            accepting: closing.child_token(),
            closing,
            service: None,
        }
    }

    /// Runs one stage of the modules or components; the first error ends it.
    pub(super) async fn start_stage(&mut self, kind: Kind, stage: Stage) -> Result<(), StartError> {
        let parts = match kind {
            Kind::Module => &mut self.modules,
            Kind::Component => &mut self.components,
        };
        for part in parts {
            part.run(stage, &self.handle)
                .await
                .map_err(|cause| StartError::Part {
                    part: format!("{} `{}` in `{}`", kind.name(), part.name, stage.name()),
                    cause,
                })?;
            part.initialised = true;
        }
        Ok(())
    }

    /// Opens every listener, then lets clients in.
    pub(super) async fn listen(
        &mut self,
        acceptors: Vec<Box<dyn Listen>>,
        core: &Arc<Core>,
    ) -> Result<(), StartError> {
        let mut bound = Vec::with_capacity(acceptors.len());
        for mut acceptor in acceptors {
            let name = acceptor.name();
            acceptor.configure(&self.handle);
            acceptor.bind().await.map_err(|cause| StartError::Listen {
                acceptor: name,
                cause,
            })?;
            bound.push(acceptor);
        }
        for acceptor in bound {
            let address = acceptor.local_addr();
            match address {
                Some(address) => tracing::info!(acceptor = acceptor.name(), %address, "listening"),
                None => tracing::info!(acceptor = acceptor.name(), "listening"),
            }
            self.addresses.push(address);
            let run = acceptor.run(core.clone(), self.accepting.clone());
            self.listeners.push(tokio::spawn(run));
        }
        self.handle.0.running.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes part in the cluster: calls can come in, other servers are known.
    pub(super) async fn join(&mut self, service: Arc<Service>) -> Result<(), StartError> {
        let service = self.service.insert(service);
        let Ok(cluster) = self.handle.cluster() else {
            return Ok(());
        };
        let _ = cluster.here.set(Door(Arc::downgrade(service)));
        let failed = |part: &str| {
            let part = part.to_owned();
            move |cause| StartError::Part { part, cause }
        };
        let own = self.handle.server();
        let door = Arc::new(Door(Arc::downgrade(service)));
        cluster
            .client
            .start(own)
            .await
            .map_err(failed("the cluster's transport"))?;
        cluster
            .server
            .start(own, door)
            .await
            .map_err(failed("the cluster's transport"))?;
        let directory = self.handle.directory().clone();
        self.handle.metrics().count_servers(&directory);
        cluster
            .discovery
            .watch(own, directory)
            .await
            .map_err(failed("the cluster's discovery"))
    }

    /// Lets other servers see this one, now that it can answer.
    pub(super) async fn register(&self) -> Result<(), StartError> {
        let Ok(cluster) = self.handle.cluster() else {
            return Ok(());
        };
        cluster
            .discovery
            .register(self.handle.server())
            .await
            .map_err(|cause| {
                let part = "the announcement of this server".to_owned();
                StartError::Part { part, cause }
            })
    }

    /// Sweeps what expires until the app closes.
    pub(super) fn keep_house(&self) {
        let (app, closing) = (self.handle.clone(), self.closing.clone());
        let mut tick = tokio::time::interval(app.config().groups.memory_tick);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = closing.cancelled() => return,
                    _ = tick.tick() => app.0.groups.sweep(),
                }
            }
        });
        let (app, closing) = (self.handle.clone(), self.closing.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = app.limits().outbound.backlog.exceeded() => app.give_up_slowest(),
                }
            }
        });
    }

    /// Runs until Ctrl-C, SIGTERM or [`AppHandle::shutdown`], then shuts down in order. SIGUSR1 makes
    /// it log its [`Report`].
    pub async fn run(self) {
        self.run_until(Signals::listen()).await;
    }

    /// The same with signals that are listened for already.
    pub(super) async fn run_until(self, mut signals: Signals) {
        let _reports = signals.reports(&self.handle);
        let asked = self.handle.0.stop.clone();
        let signal = tokio::select! {
            () = asked.cancelled() => None,
            signal = signals.next() => Some(signal),
        };
        if let Some(signal) = signal {
            tracing::info!(signal = signal.name(), "shutting down");
            if signal.drains() && self.handle.config().session.drain.enabled {
                self.drain(&mut signals).await;
            }
        }
        self.shutdown().await;
    }

    /// Lets nobody in any more and waits for the sessions to end by themselves, until the configured
    /// limit or another signal.
    async fn drain(&self, signals: &mut Signals) {
        self.accepting.cancel();
        let drain = &self.handle.config().session.drain;
        let empty = async {
            while self.handle.sessions().count() > 0 {
                tokio::time::sleep(drain.period).await;
            }
        };
        tokio::select! {
            () = empty => {}
            () = tokio::time::sleep(drain.timeout) => tracing::warn!("the drain took too long"),
            () = self.handle.0.stop.cancelled() => {}
            _ = signals.next() => tracing::warn!("a second signal ends the drain"),
        }
    }

    /// Shuts down in order: no new clients; calls under way end; clients are kicked; components,
    /// then modules stop, in reverse order. Every step has a limit (`pitaya.shutdown.*`), so this
    /// always ends.
    pub async fn shutdown(mut self) {
        let config = self.handle.config().shutdown.clone();
        self.handle.0.running.store(false, Ordering::Release);
        self.handle.0.stop.cancel();
        if let Ok(cluster) = self.handle.cluster()
            && let Err(error) = cluster.discovery.deregister().await
        {
            tracing::warn!(%error, "this server was not deregistered");
        }
        self.closing.cancel();
        for listener in std::mem::take(&mut self.listeners) {
            let _ = listener.await;
        }
        self.handle.0.draining.store(true, Ordering::Release);
        let sessions = self.handle.sessions();
        for session in sessions.all() {
            session.out().wake_now();
        }
        self.handle.connections_ended(config.handlers).await;
        let left = sessions.close_all(config.sessions).await;
        if left > 0 {
            tracing::warn!(left, "sessions did not end in time");
            for session in sessions.all() {
                session.end(CloseReason::Shutdown, End::Drop, &[]);
            }
        }
        if let Ok(cluster) = self.handle.cluster() {
            cluster.server.close(config.handlers).await;
        }
        // Close callbacks may still run: they belong to the sessions' time.
        self.handle.tasks().close();
        if tokio::time::timeout(config.sessions, self.handle.tasks().wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.handle.tasks().len(),
                "tasks did not end in time"
            );
        }
        for (kind, limit) in [
            (Kind::Component, config.component),
            (Kind::Module, config.module),
        ] {
            for stage in [Stage::BeforeShutdown, Stage::Shutdown] {
                self.stop_stage(kind, stage, limit).await;
            }
        }
        if let Ok(cluster) = self.handle.cluster()
            && let Err(error) = cluster.discovery.close().await
        {
            tracing::warn!(%error, "the discovery did not close");
        }
        if let Ok(cluster) = self.handle.cluster() {
            cluster.client.close(config.sessions).await;
        }
        if let Err(error) = self.handle.0.groups.close().await {
            tracing::warn!(%error, "the group service did not close");
        }
        tracing::info!("shut down");
    }

    async fn stop_stage(&self, kind: Kind, stage: Stage, limit: Duration) {
        let parts = match kind {
            Kind::Module => &self.modules,
            Kind::Component => &self.components,
        };
        for part in parts.iter().rev().filter(|part| part.initialised) {
            let (kind, stage_name, name) = (kind.name(), stage.name(), &part.name);
            match tokio::time::timeout(limit, part.run(stage, &self.handle)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(kind, name, stage = stage_name, %error, "failed"),
                Err(_) => tracing::warn!(kind, name, stage = stage_name, "took too long"),
            }
        }
    }

    /// Undoes a start that failed half-way: what was initialised is shut down.
    pub(super) async fn abandon(self) {
        self.shutdown().await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.closing.cancel();
        self.handle.0.stop.cancel();
        self.handle.0.running.store(false, Ordering::Release);
        // For connections that are accepted but not served yet.
        self.handle.0.draining.store(true, Ordering::Release);
        for session in self.handle.sessions().all() {
            session.end(CloseReason::Shutdown, End::Drop, &[]);
        }
    }
}

/// The two kinds of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Module,
    Component,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Component => "component",
        }
    }
}
