//! What the tests put at both ends of the bus: an inbox that notes everything, and settings.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use parking_lot::Mutex;
use pitaya::app::AppBuilder;
use pitaya::app::config::{NatsClientConfig, NatsLinkConfig, NatsServerConfig};
use pitaya::cluster::discovery::local::{Hub, LocalDiscovery};
use pitaya::cluster::rpc::nats::{NatsClient, NatsServer};
use pitaya::cluster::wire::{BindMsg, KickMsg, Msg, Push, Request, Response, RpcType};
use pitaya::cluster::{Cluster, Directory, Discovery, Inbox, RpcClient, RpcServer, ServerInfo};
use pitaya::{App, Config};
use tokio::sync::Semaphore;

pub(crate) type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Notes what comes.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) kicks: Mutex<Vec<KickMsg>>,
    pub(crate) binds: Mutex<Vec<BindMsg>>,
    pub(crate) malformed: Mutex<Vec<(String, String)>>,
    pub(crate) overflowed: AtomicUsize,
}

/// An inbox that notes, and answers as it is told.
pub(crate) struct Station {
    pub(crate) noted: Noted,
    /// Users that are here.
    pub(crate) users: Mutex<Vec<String>>,
    answer: Box<dyn Fn(Request) -> Answer + Send + Sync>,
}

impl Station {
    pub(crate) fn new(answer: impl Fn(Request) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            noted: Noted::default(),
            users: Mutex::default(),
            answer: Box::new(answer),
        })
    }

    /// Answers with the request's data.
    pub(crate) fn echo() -> Arc<Self> {
        Self::new(|request| now(Response::ok(request.msg.unwrap_or_default().data)))
    }

    /// Answers each request when `gate` lets it.
    pub(crate) fn gated(gate: Arc<Semaphore>) -> Arc<Self> {
        Self::new(move |request| {
            let gate = gate.clone();
            Box::pin(async move {
                gate.acquire().await.expect("it stays open").forget();
                Response::ok(request.msg.unwrap_or_default().data)
            })
        })
    }
}

pub(crate) fn now(response: Response) -> Answer {
    Box::pin(std::future::ready(response))
}

impl Inbox for Station {
    fn request(&self, request: Request) -> Answer {
        self.noted.requests.lock().push(request.clone());
        (self.answer)(request)
    }

    fn push(&self, push: Push) -> bool {
        let here = self.users.lock().contains(&push.uid);
        self.noted.pushes.lock().push(push);
        here
    }

    fn kick(&self, kick: KickMsg) -> bool {
        let here = self.users.lock().contains(&kick.user_id);
        self.noted.kicks.lock().push(kick);
        here
    }

    fn bound(&self, bind: BindMsg) {
        self.noted.binds.lock().push(bind);
    }

    fn malformed(&self, subject: &str, problem: &str) {
        self.noted
            .malformed
            .lock()
            .push((subject.to_owned(), problem.to_owned()));
    }

    fn overflowed(&self) {
        self.noted.overflowed.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn server(kind: &str, id: &str) -> ServerInfo {
    ServerInfo {
        id: id.to_owned(),
        kind: kind.to_owned(),
        frontend: true,
        metadata: BTreeMap::new(),
        hostname: String::new(),
    }
}

pub(crate) fn link(url: &str) -> NatsLinkConfig {
    NatsLinkConfig {
        connect: vec![url.to_owned()],
        max_reconnects: 0,
        connection_timeout: Duration::from_secs(10),
        reconnect_wait: Duration::from_millis(100),
        reconnect_jitter: Duration::from_millis(5),
        ..NatsLinkConfig::default()
    }
}

pub(crate) fn server_config(nats: &Nats) -> NatsServerConfig {
    NatsServerConfig {
        link: link(&nats.url()),
        ..NatsServerConfig::default()
    }
}

/// The settings of an app on this bus.
pub(crate) fn config(nats: &Nats) -> Config {
    let mut config = Config::for_test();
    config.cluster.nats.client.link.connect = vec![nats.url()];
    config.cluster.nats.server.link.connect = vec![nats.url()];
    config
}

/// An app on this bus to describe further, among the servers of this hub.
pub(crate) fn app(kind: &str, nats: &Nats, hub: &Hub) -> AppBuilder {
    let cluster = Cluster::nats(Arc::new(LocalDiscovery::new(hub)));
    App::builder(kind).config(config(nats)).cluster(cluster)
}

/// Lists a server that is no app, as long as this is there.
pub(crate) async fn announce(hub: &Hub, own: &ServerInfo) -> LocalDiscovery {
    let discovery = LocalDiscovery::new(hub);
    let directory = Arc::new(Directory::default());
    discovery.watch(own, directory).await.unwrap();
    discovery.register(own).await.unwrap();
    discovery
}

/// A started client of server `own`.
pub(crate) async fn client(nats: &Nats, own: &ServerInfo) -> NatsClient {
    let config = NatsClientConfig {
        link: link(&nats.url()),
        ..NatsClientConfig::default()
    };
    let client = NatsClient::new(config);
    client.start(own).await.expect("nats-server runs");
    client
}

/// A started server.
pub(crate) async fn serve(
    config: NatsServerConfig,
    own: &ServerInfo,
    station: &Arc<Station>,
) -> NatsServer {
    let server = NatsServer::new(config);
    server
        .start(own, station.clone())
        .await
        .expect("nats-server runs");
    server
}

/// A call of a remote.
pub(crate) fn request(route: &str, data: impl Into<Bytes>) -> Request {
    Request {
        r#type: RpcType::User.into(),
        msg: Some(Msg {
            route: route.to_owned(),
            data: data.into(),
            ..Msg::default()
        }),
        metadata: Bytes::from_static(b"{}"),
        ..Request::default()
    }
}

/// A push of a single user.
pub(crate) fn push(uid: &str, data: impl Into<Bytes>) -> Push {
    Push {
        route: "on".to_owned(),
        uid: uid.to_owned(),
        data: data.into(),
        key: None,
    }
}
