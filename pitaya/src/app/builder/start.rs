//! From the description to the running app: everything is checked, then the parts start in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AppBuilder, ConfigSource};
use crate::app::config::{Config, SerializerKind, Sources, Warning};
use crate::app::core::Handshake;
use crate::app::handle::Shared;
use crate::app::lifecycle::Stage;
use crate::app::running::{Kind, Parts, caught};
use crate::app::signal::Signals;
use crate::app::{App, AppHandle, Core, Limits, StartError};
use crate::cluster::server::{ORDERED, TAKES_LISTS};
use crate::cluster::sys::Sys;
use crate::cluster::{Connected, Directory, RemoteTable, Remotes, ServerInfo, Service};
use crate::docs::Tables;
use crate::error::{Error, Result};
use crate::groups::MemoryGroups;
use crate::handler::table::{self, Mounted, Table};
use crate::message::Serializer;
use crate::observe::Metrics;
use crate::protocol::compression::Deflater;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake;
use crate::session::SessionPool;

/// What the description comes to, once it has been checked.
struct Plan {
    config: Config,
    serializer: Serializer,
    dictionary: Dictionary,
    handshake: Handshake,
}

impl AppBuilder {
    /// Starts the app with the configuration of the process (its environment and a `pitaya.*` file,
    /// unless the builder was told otherwise) and runs it until Ctrl-C, SIGTERM or
    /// [`AppHandle::shutdown`]; then shuts it down in order. SIGUSR1 makes it log its
    /// [`Report`](crate::app::Report).
    ///
    /// # Errors
    /// As [`AppBuilder::start`].
    pub async fn run(mut self) -> Result<()> {
        if let ConfigSource::Unsaid = self.config {
            self.config = ConfigSource::Sources(Box::new(Sources::process()));
        }
        let app = self.start().await?;
        // Whoever waits for this line may send a signal at once.
        let signals = Signals::listen();
        tracing::info!("all modules started!");
        app.run_until(signals).await;
        Ok(())
    }

    /// Starts the app: modules, services, components, then listeners. Neither environment nor
    /// files are read, unless the builder was told so, and no signal handler is installed.
    ///
    /// # Errors
    /// Everything that keeps it from starting. What had been started is shut down again.
    pub async fn start(mut self) -> Result<App, StartError> {
        if self.cluster.is_some() {
            self = self.remote(Sys);
        }
        let plan = self.check()?;
        let (own, cluster) = self.introduce(&plan.config)?;
        let Plan {
            config,
            serializer,
            dictionary,
            handshake,
        } = plan;
        let settled = (config, serializer, dictionary);
        let mut app = App::new(Parts {
            handle: self.share(settled, own, cluster),
            modules: std::mem::take(&mut self.modules),
            components: std::mem::take(&mut self.components),
        });
        match self.bring_up(&mut app, handshake).await {
            Ok(()) => Ok(app),
            Err(error) => {
                app.abandon().await;
                Err(error)
            }
        }
    }

    /// Reads the configuration and finds every mistake of the description.
    fn check(&mut self) -> Result<Plan, StartError> {
        let config = std::mem::replace(&mut self.config, ConfigSource::Unsaid);
        let (config, warnings) = match config {
            ConfigSource::Unsaid => (Config::default(), Vec::new()),
            ConfigSource::Value(config) => {
                config.validate()?;
                (*config, Vec::new())
            }
            ConfigSource::Sources(sources) => Config::load(*sources)?,
        };
        log(&warnings);
        let serializer = self.serializer.take().unwrap_or(match config.serializer {
            SerializerKind::Json => Serializer::Json,
            SerializerKind::Protobuf => Serializer::Protobuf,
        });
        let mounted = self.mounted();
        let mut problems = table::check(&mounted, &serializer);
        problems.extend(Remotes::check(&self.remote_tables()));
        if self.server_type.is_empty() || self.server_type.contains('.') {
            problems.push(format!(
                "`{}` is not a server type: it may not be empty or hold a dot",
                self.server_type
            ));
        }
        let mut names = BTreeSet::new();
        for (name, _) in &self.module_values {
            if !names.insert(name) {
                problems.push(format!("two modules are named `{name}`"));
            }
        }
        let dictionary = self.dictionary.build(&self.server_type, &mounted);
        let dictionary = dictionary
            .map_err(|problem| problems.push(problem))
            .unwrap_or_default();
        let handshake = handshake_packets(&config, &serializer, &dictionary);
        let handshake = handshake.map_err(|problem| problems.push(problem));
        match handshake {
            Ok(handshake) if problems.is_empty() => Ok(Plan {
                config,
                serializer,
                dictionary,
                handshake,
            }),
            _ => Err(StartError::Build(problems)),
        }
    }

    fn mounted(&self) -> Vec<Mounted> {
        self.services.iter().map(|(mounted, _)| *mounted).collect()
    }

    fn remote_tables(&self) -> Vec<RemoteTable> {
        self.remotes.iter().map(|(table, _)| *table).collect()
    }

    /// What this server tells others of itself, and its way to them.
    fn introduce(
        &mut self,
        config: &Config,
    ) -> Result<(ServerInfo, Option<Connected>), StartError> {
        let mut own = ServerInfo {
            id: uuid::Uuid::new_v4().to_string(),
            kind: self.server_type.clone(),
            frontend: !self.acceptors.is_empty(),
            metadata: std::mem::take(&mut self.metadata),
            hostname: hostname(),
        };
        // Messages of one session keep their order here, so a frontend need not wait for answers.
        own.metadata.insert(ORDERED.to_owned(), "1".to_owned());
        let Some(make) = self.cluster.take() else {
            return Ok((own, None));
        };
        let made = make(config, &own).map_err(|cause| part("the cluster", cause))?;
        if own.frontend && made.server.takes_lists() {
            own.metadata.insert(TAKES_LISTS.to_owned(), "1".to_owned());
        }
        let connected = Connected::new(made, &own);
        Ok((own, Some(connected)))
    }

    /// What every part of the app shares.
    fn share(
        &mut self,
        (config, serializer, dictionary): (Config, Serializer, Dictionary),
        own: ServerInfo,
        cluster: Option<Connected>,
    ) -> AppHandle {
        // A standalone server's remotes cannot be called, so it does not tell of them.
        let remotes = match &cluster {
            Some(_) => self.remote_tables(),
            None => Vec::new(),
        };
        let described = std::mem::take(&mut self.described);
        let groups = self.groups.take();
        AppHandle(Arc::new(Shared {
            server: own,
            directory: Arc::new(Directory::default()),
            cluster,
            routers: std::mem::take(&mut self.routers),
            tables: Tables::new(self.mounted(), remotes, described),
            limits: Limits::of(&config),
            serializer,
            dictionary,
            pool: SessionPool::new(),
            groups: groups.unwrap_or_else(|| Arc::new(MemoryGroups::new())),
            metrics: Metrics::new(self.recorder.clone()),
            propagator: self.propagator.clone(),
            hooks: std::mem::take(&mut self.hooks),
            modules: std::mem::take(&mut self.module_values)
                .into_iter()
                .collect(),
            tasks: TaskTracker::new(),
            running: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
            ended: Notify::new(),
            pending: AtomicUsize::new(0),
            since: Instant::now(),
            config,
        }))
    }

    /// Starts part after part; the first error ends it.
    async fn bring_up(self, app: &mut App, handshake: Handshake) -> Result<(), StartError> {
        let handle = app.handle().clone();
        for hook in self.post_build {
            let run = caught(async { hook(handle.clone()).await }).await;
            run.map_err(|cause| part("a post-build hook", cause))?;
        }
        app.start_stage(Kind::Module, Stage::Init).await?;
        app.start_stage(Kind::Module, Stage::AfterInit).await?;
        let mut services = Vec::with_capacity(self.services.len());
        for (mounted, make) in self.services {
            let service = caught(async { make(handle.clone()).await }).await;
            let name = format!("the constructor of service `{}`", mounted.name);
            services.push((mounted, service.map_err(|cause| part(&name, cause))?));
        }
        app.start_stage(Kind::Component, Stage::Init).await?;
        app.start_stage(Kind::Component, Stage::AfterInit).await?;
        let concurrency = &handle.config().concurrency;
        let clustered = handle.cluster().is_ok();
        let table = Table::new(
            &self.server_type,
            services,
            handle.dictionary().clone(),
            concurrency.ordered_sessions,
            clustered,
            &self.recorder,
        );
        for route in table.routes() {
            handle.metrics().slow().add(&route.metrics.slow);
        }
        let core = Core::new(handle.clone(), table, handshake, concurrency.dispatch);
        let core = Arc::new(core);
        let mut remotes = Vec::with_capacity(self.remotes.len());
        for (mounted, make) in self.remotes {
            let service = make(handle.clone()).await;
            let name = format!("the constructor of remote service `{}`", mounted.name);
            remotes.push((mounted, service.map_err(|cause| part(&name, cause))?));
        }
        app.keep_house();
        if !clustered {
            // Nobody can call them, so there is nothing to measure.
            remotes.clear();
        }
        let remotes = Remotes::new(&self.server_type, remotes, &self.recorder);
        app.join(Arc::new(Service::new(core.clone(), remotes)))
            .await?;
        app.listen(self.acceptors, &core).await?;
        app.register().await
    }
}

fn handshake_packets(
    config: &Config,
    serializer: &Serializer,
    dictionary: &Dictionary,
) -> Result<Handshake, String> {
    let mut deflater = config.handler.compression.then(Deflater::new);
    let mut reply = |code| {
        let interval = config.heartbeat.interval;
        handshake::reply(
            code,
            interval,
            serializer.name(),
            dictionary,
            deflater.as_mut(),
        )
        .map_err(|error| format!("the handshake's answer: {error}"))
    };
    Ok(Handshake {
        accepted: reply(200)?,
        refused: reply(400)?,
    })
}

fn part(part: &str, cause: Error) -> StartError {
    StartError::Part {
        part: part.to_owned(),
        cause,
    }
}

fn log(warnings: &[Warning]) {
    for warning in warnings {
        if warning.is_note() {
            tracing::debug!("configuration: {warning}");
        } else {
            tracing::warn!("configuration: {warning}");
        }
    }
}

fn hostname() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
