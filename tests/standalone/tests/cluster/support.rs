//! What the topics share: clusters inside this process, servers that are not apps, and gates that
//! hold handlers back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pitaya::acceptor::{self, Connector};
use pitaya::app::AppBuilder;
use pitaya::cluster::discovery::{self, Discovery, LocalDiscovery};
use pitaya::cluster::rpc::{Exchange, LocalRpc};
use pitaya::cluster::wire::{BindMsg, KickMsg, Msg, Push, Request, Response, RpcType};
use pitaya::cluster::{Cluster, Directory, Inbox, RpcClient, RpcServer, ServerInfo};
use pitaya::handler::BoxFuture;
use pitaya::{App, AppHandle, Bytes, Config, Error, Result};
use standalone_tests::{DEADLINE, RawClient};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A client in the same process: no socket, so that a test may hold the clock.
pub(crate) type Client = RawClient<DuplexStream>;

/// What a request is answered with when the application's code panicked.
pub(crate) const INTERNAL: &str = r#"{"code":"PIT-500","msg":"internal error"}"#;

/// What a request to a type without servers is answered with.
pub(crate) const NO_SERVERS: &str =
    r#"{"code":"PIT-500","msg":"no servers available of this type"}"#;

/// A cluster in this process, whose parts a test may use by itself.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) exchange: Exchange,
    pub(crate) servers: discovery::Hub,
}

/// A running frontend and the way in.
pub(crate) struct Gate {
    pub(crate) app: App,
    connector: Connector,
}

impl World {
    pub(crate) fn cluster(&self) -> Cluster {
        let rpc = Arc::new(LocalRpc::new(&self.exchange));
        Cluster::new(
            rpc.clone(),
            rpc,
            Arc::new(LocalDiscovery::new(&self.servers)),
        )
    }

    /// An app of this cluster to describe further.
    pub(crate) fn app(&self, kind: &str) -> AppBuilder {
        App::builder(kind)
            .config(Config::for_test())
            .cluster(self.cluster())
    }

    /// Starts a backend.
    pub(crate) async fn backend(&self, builder: AppBuilder) -> App {
        builder.start().await.expect("the app starts")
    }

    /// Starts a frontend of type `gate` without handlers.
    pub(crate) async fn gate(&self) -> Gate {
        Gate::start(self.app("gate")).await
    }

    /// A server of this type that is no app; the test answers for it.
    pub(crate) async fn fake(&self, kind: &str, id: &str, order: Order) -> Fake {
        let (inbox, asked) = mpsc::unbounded_channel();
        let metadata = match order {
            Order::Own => BTreeMap::from([("ordered".to_owned(), "1".to_owned())]),
            Order::None => BTreeMap::new(),
        };
        let info = ServerInfo {
            id: id.to_owned(),
            kind: kind.to_owned(),
            frontend: false,
            metadata,
            hostname: String::new(),
        };
        let rpc = Arc::new(LocalRpc::new(&self.exchange));
        let discovery = LocalDiscovery::new(&self.servers);
        let directory = Arc::new(Directory::default());
        RpcServer::start(&*rpc, &info, Arc::new(FakeInbox(inbox)))
            .await
            .unwrap();
        discovery.watch(&info, directory.clone()).await.unwrap();
        discovery.register(&info).await.unwrap();
        Fake {
            rpc,
            directory,
            asked,
            _discovery: discovery,
        }
    }
}

impl Gate {
    pub(crate) async fn start(builder: AppBuilder) -> Self {
        let (connector, acceptor) = acceptor::memory(1 << 16);
        let app = builder
            .acceptor(acceptor)
            .start()
            .await
            .expect("the app starts");
        Self { app, connector }
    }

    pub(crate) fn handle(&self) -> &AppHandle {
        self.app.handle()
    }

    /// Connects and shakes hands.
    pub(crate) async fn connect(&self) -> Client {
        let mut client = RawClient::over(self.connector.connect().expect("the app accepts"));
        client.shake_hands().await;
        client
    }
}

/// Whether a fake server says that it orders messages itself, as every app of this framework does.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Own,
    None,
}

/// A server that is no app.
pub(crate) struct Fake {
    pub(crate) rpc: Arc<LocalRpc>,
    pub(crate) directory: Arc<Directory>,
    asked: mpsc::UnboundedReceiver<Asked>,
    _discovery: LocalDiscovery,
}

struct FakeInbox(mpsc::UnboundedSender<Asked>);

/// A call that a fake server was asked; dropped, it is never answered.
pub(crate) struct Asked {
    pub(crate) request: Request,
    answer: oneshot::Sender<Response>,
}

impl Inbox for FakeInbox {
    fn request(&self, request: Request) -> BoxFuture<'static, Response> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Asked { request, answer });
        Box::pin(async move {
            match answered.await {
                Ok(response) => response,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn push(&self, _: Push) -> bool {
        false
    }

    fn kick(&self, _: KickMsg) -> bool {
        false
    }

    fn bound(&self, _: BindMsg) {}

    fn malformed(&self, _: &str, _: &str) {}
}

impl Asked {
    pub(crate) fn msg(&self) -> &Msg {
        self.request
            .msg
            .as_ref()
            .expect("every request has a message")
    }

    /// The message's body.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.msg().data).expect("the body is text")
    }

    pub(crate) fn answer(self, body: impl Into<Bytes>) {
        let _ = self.answer.send(Response::ok(body));
    }

    pub(crate) fn fail(self, error: Error) {
        let _ = self.answer.send(error.into());
    }
}

impl Fake {
    /// The next call.
    pub(crate) async fn asked(&mut self) -> Asked {
        in_time(self.asked.recv()).await.expect("the server lives")
    }

    /// Nothing has been asked that was not taken yet.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_empty()
    }

    /// Calls another server, as this one.
    pub(crate) async fn call(&self, to: &App, request: Request) -> Result<Bytes> {
        let server = to.handle().server();
        in_time(self.rpc.call(server, request, Duration::from_secs(20))).await
    }
}

/// A call of a remote as other servers write it.
pub(crate) fn user_call(route: &str, data: impl Into<Bytes>) -> Request {
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

/// A forwarded request as frontends write it.
pub(crate) fn forwarded(session: i64, route: &str, data: impl Into<Bytes>) -> Request {
    Request {
        session: Some(pitaya::cluster::wire::Session {
            id: session,
            ..Default::default()
        }),
        msg: Some(Msg {
            id: 1,
            route: route.to_owned(),
            data: data.into(),
            ..Msg::default()
        }),
        frontend_id: "elsewhere".to_owned(),
        metadata: Bytes::from_static(b"{}"),
        ..Request::default()
    }
}

/// Fails the test when `future` takes longer than anything here may take.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it ends in time")
}

/// Waits until `check` holds.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let poll = async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, poll)
        .await
        .unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Lets every task that can run do so, several times over.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A text, as a body.
pub(crate) fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}
