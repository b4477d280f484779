//! Describes an app; [`start`] checks the description and starts it.

mod dictionary;
mod hooks;
mod start;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use metrics::Recorder;

use self::dictionary::DictionaryChoice;
use super::AppHandle;
use super::config::{Config, Sources};
use super::handle::Hooks;
use super::lifecycle::{Component, ComponentPart, Module, ModulePart};
use super::listen::Listen;
use super::running::NamedPart;
use crate::acceptor::Acceptor;
use crate::cluster::remote::{IntoRemote, RemoteDispatch};
use crate::cluster::router::{Route, Routers};
use crate::cluster::{Cluster, IntoCluster, RemoteTable, ServerInfo};
use crate::error::Result;
use crate::groups::GroupService;
use crate::handler::table::Mounted;
use crate::handler::{BoxFuture, Dispatch, HandlerService, IntoService};
use crate::message::{Codec, Message, MessageDescriptor, Serializer};
use crate::observe::AppRecorder;
use crate::observe::trace::{OwnIds, Propagator};

type MakeService =
    Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<Arc<dyn Dispatch>>> + Send>;
type MakeRemote =
    Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<Arc<dyn RemoteDispatch>>> + Send>;
type MakeCluster = Box<dyn FnOnce(&Config, &ServerInfo) -> Result<Cluster> + Send>;
type PostBuild = Box<dyn FnOnce(AppHandle) -> BoxFuture<'static, Result<()>> + Send>;

/// Describes an app; see [`App::builder`](crate::App::builder).
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
}
