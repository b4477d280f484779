//! Describes an app, checks the description, and starts it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use metrics::Recorder;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::{Config, SerializerKind, Sources, Warning};
use super::core::Handshake;
use super::handle::{Hooks, Shared};
use super::lifecycle::{Component, ComponentPart, Module, ModulePart, Stage};
use super::listen::Listen;
use super::running::{Kind, NamedPart, Parts, caught};
use super::signal::Signals;
use super::{App, AppHandle, Core, Limits, StartError};
use crate::acceptor::Acceptor;
use crate::cluster::remote::{AfterRemoteHook, BeforeRemoteHook, IntoRemote, RemoteDispatch};
use crate::cluster::router::{Route, Routers};
use crate::cluster::server::{ORDERED, TAKES_LISTS};
use crate::cluster::sys::Sys;
use crate::cluster::{
    Cluster, Connected, Directory, IntoCluster, RemoteTable, Remotes, ServerInfo, Service,
};
use crate::docs::Tables;
use crate::error::{Error, Result};
use crate::groups::{GroupService, MemoryGroups};
use crate::handler::table::{self, Mounted, Table};
use crate::handler::{AfterHook, BeforeHook, BoxFuture, Dispatch, HandlerService, IntoService};
use crate::message::{Codec, Message, MessageDescriptor, Serializer};
use crate::observe::trace::{OwnIds, Propagator};
use crate::observe::{AppRecorder, Metrics};
use crate::protocol::compression::Deflater;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::handshake::{self, HandshakeData};
use crate::session::{CloseReason, Session, SessionPool};
use crate::uid::Uid;

type MakeService =
    Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<Arc<dyn Dispatch>>> + Send>;
type MakeRemote =
    Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<Arc<dyn RemoteDispatch>>> + Send>;
type MakeCluster = Box<dyn FnOnce(&Config, &ServerInfo) -> Result<Cluster> + Send>;
type PostBuild = Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<()>> + Send>;

/// Describes an app; see [`App::builder`].
#[must_use = "an app does nothing until it is started or run"]
pub struct AppBuilder {
    server_type: String,
    metadata: BTreeMap<String, String>,
    config: ConfigSource,
    serializer: Option<Serializer>,
    dictionary: DictionaryChoice,
    acceptors: Vec<Box<dyn Listen>>,
    services: Vec<(Mounted, MakeService)>,
    components: Vec<NamedPart>,
    modules: Vec<NamedPart>,
    module_values: Vec<(String, Arc<dyn Any + Send + Sync>)>,
    hooks: Hooks,
    post_build: Vec<PostBuild>,
    groups: Option<Arc<dyn GroupService>>,
    remotes: Vec<(RemoteTable, MakeRemote)>,
    cluster: Option<MakeCluster>,
    routers: Routers,
    described: Vec<&'static MessageDescriptor>,
    recorder: AppRecorder,
    propagator: Arc<dyn Propagator>,
}

/// Where the configuration comes from.
enum ConfigSource {
    /// Nothing was said: the process's own sources for `run`, the defaults for `start`.
    Unsaid,
    Value(Box<Config>),
    Sources(Box<Sources>),
}

/// Where the dictionary's codes come from.
enum DictionaryChoice {
    /// `#[route(code = N)]` of what is mounted.
    Codes,
    /// These, besides.
    Map(Vec<(String, u16)>),
    /// Everything that is mounted, numbered by sorted path.
    Sorted,
}

impl AppBuilder {
    pub(super) fn new(server_type: String) -> Self {
        Self {
            server_type,
            metadata: BTreeMap::new(),
            config: ConfigSource::Unsaid,
            serializer: None,
            dictionary: DictionaryChoice::Codes,
            acceptors: Vec::new(),
            services: Vec::new(),
            components: Vec::new(),
            modules: Vec::new(),
            module_values: Vec::new(),
            hooks: Hooks::default(),
            post_build: Vec::new(),
            groups: None,
            remotes: Vec::new(),
            cluster: None,
            routers: Routers::default(),
            described: Vec::new(),
            recorder: AppRecorder::default(),
            propagator: Arc::new(OwnIds),
        }
    }

    /// Uses this configuration, and neither environment nor files.
    pub fn config(mut self, config: Config) -> Self {
        self.config = ConfigSource::Value(Box::new(config));
        self
    }

    /// Loads the configuration from these sources when the app is started.
    pub fn config_from(mut self, sources: Sources) -> Self {
        self.config = ConfigSource::Sources(Box::new(sources));
        self
    }

    /// Says something about this server to others.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Lets clients in through this acceptor. Bound in order of registration.
    pub fn acceptor(mut self, acceptor: impl Acceptor) -> Self {
        self.acceptors.push(Box::new(acceptor));
        self
    }

    /// Mounts a handler service: a value or an `Arc`.
    pub fn handler<S: IntoService>(mut self, service: S) -> Self {
        let service: Arc<dyn Dispatch> = service.into_service();
        let make = move |_| Box::pin(async move { Ok(service) }) as BoxFuture<'static, _>;
        self.services
            .push((Mounted::of::<S::Service>(), Box::new(make)));
        self
    }

    /// Mounts a handler service made by `make` when the app starts, after its modules.
    pub fn handler_with<S, F, Fut>(mut self, make: F) -> Self
    where
        S: HandlerService,
        F: FnOnce(AppHandle) -> Fut + Send + 'static,
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        let make = move |app| {
            let service = make(app);
            let boxed = async move { Ok(Arc::new(service.await?) as Arc<dyn Dispatch>) };
            Box::pin(boxed) as BoxFuture<'static, _>
        };
        self.services.push((Mounted::of::<S>(), Box::new(make)));
        self
    }

    /// Mounts a remote service: what other servers may call. A value or an `Arc`.
    pub fn remote<S: IntoRemote>(mut self, service: S) -> Self {
        let service: Arc<dyn RemoteDispatch> = service.into_remote();
        let make = move |_| Box::pin(async move { Ok(service) }) as BoxFuture<'static, _>;
        self.remotes
            .push((RemoteTable::of::<S::Service>(), Box::new(make)));
        self
    }

    /// Tells of a message type that no route takes or answers, so that those who ask for its
    /// descriptor get it: what the app pushes. See [`docs`](crate::docs).
    pub fn describe<M: Message>(mut self) -> Self {
        self.described.push(M::DESCRIPTOR);
        self
    }

    /// Makes the app a server of a cluster; without, it is standalone.
    pub fn cluster(mut self, cluster: impl IntoCluster) -> Self {
        self.cluster = Some(Box::new(move |config, own| {
            cluster.into_cluster(config, own)
        }));
        self
    }

    /// Chooses the server for messages that clients send to this server type; without, any.
    pub fn route_to(mut self, server_type: impl Into<String>, router: impl Route) -> Self {
        self.routers.set(server_type.into(), Arc::new(router));
        self
    }

    /// Adds a part that starts and stops with the app.
    pub fn component<C: Component>(mut self, component: Arc<C>) -> Self {
        let name = std::any::type_name::<C>().to_owned();
        self.components
            .push(NamedPart::new(name, ComponentPart(component)));
        self
    }

    /// Adds a module behind those added so far.
    pub fn module<M: Module>(mut self, module: Arc<M>) -> Self {
        let at = self.modules.len();
        self.insert_module(at, module);
        self
    }

    /// Adds a module before those added so far.
    pub fn module_before<M: Module>(mut self, module: Arc<M>) -> Self {
        self.insert_module(0, module);
        self
    }

    fn insert_module<M: Module>(&mut self, at: usize, module: Arc<M>) {
        let name = module.name().to_owned();
        self.module_values.push((name.clone(), module.clone()));
        self.modules
            .insert(at, NamedPart::new(name, ModulePart(module)));
    }

    /// Runs `hook` once, when the app has been built and before anything is started.
    pub fn post_build<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce(AppHandle) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.post_build
            .push(Box::new(move |app| Box::pin(hook(app))));
        self
    }

    /// Runs `hook` before every handler, behind the validation and earlier hooks.
    pub fn before(mut self, hook: impl BeforeHook) -> Self {
        self.hooks.handlers.before.push(Arc::new(hook));
        self
    }

    /// Runs `hook` after every handler, behind earlier hooks.
    pub fn after(mut self, hook: impl AfterHook) -> Self {
        self.hooks.handlers.after.push(Arc::new(hook));
        self
    }

    /// Runs `hook` before every call of a remote of this server, behind earlier hooks. Those that
    /// every server has (`sys.*`), by which others reach its clients' sessions, are remotes too.
    pub fn before_remote(mut self, hook: impl BeforeRemoteHook) -> Self {
        self.hooks.remotes.before.push(Arc::new(hook));
        self
    }

    /// Runs `hook` after every call of a remote of this server, behind earlier hooks.
    pub fn after_remote(mut self, hook: impl AfterRemoteHook) -> Self {
        self.hooks.remotes.after.push(Arc::new(hook));
        self
    }

    /// Judges what clients say of themselves in the handshake; an error refuses them with code 400.
    /// Validators run in order of registration, the first error ends it; a repeated handshake is
    /// judged again. The cause is logged, not sent.
    pub fn handshake_validator<F, Fut>(mut self, name: impl Into<String>, validator: F) -> Self
    where
        F: Fn(Session, Arc<HandshakeData>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let validator = move |session, data| {
            Box::pin(validator(session, data)) as BoxFuture<'static, Result<()>>
        };
        self.hooks
            .validators
            .push((name.into(), Arc::new(validator)));
        self
    }

    /// Runs before a session is bound to a user; an error refuses the bind.
    pub fn on_session_bind<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, Uid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let callback =
            move |session, uid| Box::pin(callback(session, uid)) as BoxFuture<'static, Result<()>>;
        self.hooks.bind.push(Arc::new(callback));
        self
    }

    /// Runs after a session was bound to a user; an error undoes the bind.
    pub fn on_after_session_bind<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, Uid) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let callback =
            move |session, uid| Box::pin(callback(session, uid)) as BoxFuture<'static, Result<()>>;
        self.hooks.after_bind.push(Arc::new(callback));
        self
    }

    /// Runs when a session has ended, after its last handler and its own callbacks.
    pub fn on_session_close<F, Fut>(mut self, callback: F) -> Self
    where
        F: Fn(Session, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback =
            move |session, reason| Box::pin(callback(session, reason)) as BoxFuture<'static, ()>;
        self.hooks.close.push(Arc::new(callback));
        self
    }

    /// Encodes message bodies with a codec of the application's own, whatever the configuration
    /// says.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.serializer = Some(Serializer::Custom(Arc::new(codec)));
        self
    }

    /// Gives routes, also those of pushes, codes in the dictionary, besides `#[route(code = N)]`.
    pub fn dictionary<R: Into<String>>(
        mut self,
        codes: impl IntoIterator<Item = (R, u16)>,
    ) -> Self {
        let codes = codes.into_iter().map(|(route, code)| (route.into(), code));
        match &mut self.dictionary {
            DictionaryChoice::Map(map) => map.extend(codes),
            choice => *choice = DictionaryChoice::Map(codes.collect()),
        }
        self
    }

    /// Gives every mounted route a code in the dictionary, from 1 in the order of the sorted paths.
    pub fn sorted_dictionary(mut self) -> Self {
        self.dictionary = DictionaryChoice::Sorted;
        self
    }

    /// Keeps groups in this service instead of the app's memory.
    pub fn groups(mut self, groups: impl GroupService) -> Self {
        self.groups = Some(Arc::new(groups));
        self
    }

    /// Sends the app's metrics here instead of the process's recorder.
    pub fn recorder(mut self, recorder: Arc<dyn Recorder + Send + Sync>) -> Self {
        self.recorder = AppRecorder::own(recorder);
        self
    }

    /// Joins this server's spans with those of others in another way than by [`OwnIds`].
    pub fn propagator(mut self, propagator: impl Propagator) -> Self {
        self.propagator = Arc::new(propagator);
        self
    }

    /// Starts the app with the configuration of the process (its environment and a `pitaya.*` file,
    /// unless the builder was told otherwise) and runs it until Ctrl-C, SIGTERM or
    /// [`AppHandle::shutdown`]; then shuts it down in order. SIGUSR1 makes it log its
    /// [`Report`](super::Report).
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
        let (config, warnings) = match self.config {
            ConfigSource::Unsaid => (Config::default(), Vec::new()),
            ConfigSource::Value(config) => {
                config.validate()?;
                (*config, Vec::new())
            }
            ConfigSource::Sources(sources) => Config::load(*sources)?,
        };
        log(&warnings);
        let serializer = self.serializer.unwrap_or(match config.serializer {
            SerializerKind::Json => Serializer::Json,
            SerializerKind::Protobuf => Serializer::Protobuf,
        });
        let mounted: Vec<Mounted> = self.services.iter().map(|(mounted, _)| *mounted).collect();
        let mut problems = table::check(&mounted, &serializer);
        let remotes: Vec<RemoteTable> = self.remotes.iter().map(|(table, _)| *table).collect();
        problems.extend(Remotes::check(&remotes));
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
        let handshake = match handshake {
            Ok(handshake) if problems.is_empty() => handshake,
            Ok(_) => return Err(StartError::Build(problems)),
            Err(problem) => {
                problems.push(problem);
                return Err(StartError::Build(problems));
            }
        };

        let mut own = ServerInfo {
            id: uuid::Uuid::new_v4().to_string(),
            kind: self.server_type.clone(),
            frontend: !self.acceptors.is_empty(),
            metadata: self.metadata,
            hostname: hostname(),
        };
        // Messages of one session keep their order here, so a frontend need not wait for answers.
        own.metadata.insert(ORDERED.to_owned(), "1".to_owned());
        let cluster = match self.cluster {
            None => None,
            Some(make) => {
                let made = make(&config, &own).map_err(|cause| part("the cluster", cause))?;
                if own.frontend && made.server.takes_lists() {
                    own.metadata.insert(TAKES_LISTS.to_owned(), "1".to_owned());
                }
                Some(Connected::new(made, &own))
            }
        };
        let clustered = cluster.is_some();
        let handle = AppHandle(Arc::new(Shared {
            server: own,
            directory: Arc::new(Directory::default()),
            cluster,
            routers: self.routers,
            tables: Tables::new(
                mounted,
                if clustered { remotes } else { Vec::new() },
                self.described,
            ),
            limits: Limits::of(&config),
            serializer,
            dictionary: dictionary.clone(),
            pool: SessionPool::new(),
            groups: self.groups.unwrap_or_else(|| Arc::new(MemoryGroups::new())),
            metrics: Metrics::new(self.recorder.clone()),
            propagator: self.propagator,
            hooks: self.hooks,
            modules: self.module_values.into_iter().collect(),
            tasks: TaskTracker::new(),
            running: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            stop: CancellationToken::new(),
            ended: Notify::new(),
            pending: AtomicUsize::new(0),
            since: Instant::now(),
            config,
        }));
        let parts = Parts {
            handle: handle.clone(),
            modules: self.modules,
            components: self.components,
        };
        let mut app = App::new(parts);
        let start = async {
            for hook in self.post_build {
                let run = caught(async { hook(handle.clone()).await }).await;
                run.map_err(|cause| part("a post-build hook", cause))?;
            }
            app.start_stage(Kind::Module, Stage::Init).await?;
            app.start_stage(Kind::Module, Stage::AfterInit).await?;
            let mut services = Vec::with_capacity(self.services.len());
            for (mounted, make) in self.services {
                let service = caught(async { make(handle.clone()).await }).await;
                let service = service.map_err(|cause| {
                    part(
                        &format!("the constructor of service `{}`", mounted.name),
                        cause,
                    )
                })?;
                services.push((mounted, service));
            }
            app.start_stage(Kind::Component, Stage::Init).await?;
            app.start_stage(Kind::Component, Stage::AfterInit).await?;
            let concurrency = &handle.config().concurrency;
            let table = Table::new(
                &self.server_type,
                services,
                dictionary,
                concurrency.ordered_sessions,
                clustered,
                &self.recorder,
            );
            for route in table.routes() {
                handle.metrics().slow().add(&route.metrics.slow);
            }
            let core = Arc::new(Core::new(
                handle.clone(),
                table,
                handshake,
                concurrency.dispatch,
            ));
            let mut remotes = Vec::with_capacity(self.remotes.len());
            for (mounted, make) in self.remotes {
                let service = make(handle.clone()).await;
                let service = service.map_err(|cause| {
                    part(
                        &format!("the constructor of remote service `{}`", mounted.name),
                        cause,
                    )
                })?;
                remotes.push((mounted, service));
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
        };
        match start.await {
            Ok(()) => Ok(app),
            Err(error) => {
                app.abandon().await;
                Err(error)
            }
        }
    }
}

impl DictionaryChoice {
    fn build(self, server_type: &str, mounted: &[Mounted]) -> Result<Dictionary, String> {
        let routes = || {
            mounted.iter().flat_map(|service| {
                service.routes.iter().map(move |spec| {
                    (
                        format!("{server_type}.{}.{}", service.name, spec.name),
                        spec.code,
                    )
                })
            })
        };
        let codes = || routes().filter_map(|(path, code)| Some((path, code?)));
        match self {
            Self::Codes => Dictionary::new(codes()),
            Self::Map(map) => Dictionary::new(codes().chain(map)),
            Self::Sorted => Dictionary::sorted(routes().map(|(path, _)| path)),
        }
        .map_err(|error| format!("the dictionary: {error}"))
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
