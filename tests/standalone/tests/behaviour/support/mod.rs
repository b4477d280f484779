//! What the topics share: apps with small limits, gates that hold handlers back, and a log of what
//! happened inside.

pub(crate) mod encrypted;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pitaya::acceptor::{self, Connector};
use pitaya::app::AppBuilder;
use pitaya::{App, Bytes, Config, Context, Result, Session, Tcp, handler};
use standalone_tests::{DEADLINE, RawClient};
use tokio::io::DuplexStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

pub(crate) use standalone_tests::book::Book;

/// What a request is answered with when its handler, or anything around it, panicked.
pub(crate) const INTERNAL: &str = r#"{"code":"PIT-500","msg":"internal error"}"#;

/// A client in the same process: no socket, so that a test may hold the clock.
pub(crate) type MemoryClient = RawClient<DuplexStream>;

/// An app to describe further, with the configuration for tests, changed by `change`.
pub(crate) fn app_with(change: impl FnOnce(&mut Config)) -> AppBuilder {
    let mut config = Config::for_test();
    change(&mut config);
    App::builder("game").config(config)
}

pub(crate) fn app() -> AppBuilder {
    app_with(|_| {})
}

/// Starts an app with one TCP acceptor.
pub(crate) async fn start(builder: AppBuilder) -> App {
    builder
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .expect("the app starts")
}

/// Starts an app that is reached in memory; each direction of a connection holds `capacity` bytes.
pub(crate) async fn start_in_memory(builder: AppBuilder, capacity: usize) -> (App, Connector) {
    let (connector, acceptor) = acceptor::memory(capacity);
    (
        builder
            .acceptor(acceptor)
            .start()
            .await
            .expect("the app starts"),
        connector,
    )
}

/// Connects over TCP and shakes hands.
pub(crate) async fn connect(app: &App) -> RawClient {
    RawClient::connect(app.local_addr(0).expect("the app listens")).await
}

/// Connects in memory and shakes hands.
pub(crate) async fn connect_in_memory(connector: &Connector) -> MemoryClient {
    let mut client = RawClient::over(connector.connect().expect("the app accepts"));
    client.shake_hands().await;
    client
}

/// The session of the client that connected last.
pub(crate) fn newest_session(app: &App) -> Session {
    let all = app.handle().sessions().all();
    all.into_iter()
        .max_by_key(Session::id)
        .expect("somebody is connected")
}

/// Waits until `check` holds.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let poll = async {
        while !check() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, poll)
        .await
        .unwrap_or_else(|_| panic!("in time: {what}"));
}

/// Fails the test when `future` takes longer than anything here may take.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it ends in time")
}

/// Where handlers, hooks and callbacks say what they do.
#[derive(Clone)]
pub(crate) struct Log(mpsc::UnboundedSender<String>);

/// Where a test hears it.
pub(crate) struct Heard(mpsc::UnboundedReceiver<String>);

pub(crate) fn log() -> (Log, Heard) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Log(sender), Heard(receiver))
}

impl Log {
    pub(crate) fn say(&self, what: impl Into<String>) {
        // A test that has ended listens to nobody.
        let _ = self.0.send(what.into());
    }

    /// Says `what` when it is dropped.
    pub(crate) fn guard(&self, what: &str) -> Guard {
        Guard(self.clone(), what.to_owned())
    }
}

pub(crate) struct Guard(Log, String);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.say(&self.1);
    }
}

impl Heard {
    /// The next thing that happens.
    pub(crate) async fn next(&mut self) -> String {
        in_time(self.0.recv()).await.expect("somebody still speaks")
    }

    /// The next things, which must be these.
    pub(crate) async fn expect<const N: usize>(&mut self, expected: [&str; N]) {
        for (n, expected) in expected.into_iter().enumerate() {
            assert_eq!(self.next().await, expected, "at place {n}");
        }
    }

    /// What has happened since the last look.
    pub(crate) fn so_far(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// Named gates: whoever passes waits until the test has opened it once for them.
#[derive(Clone, Default)]
pub(crate) struct Gates(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

impl Gates {
    fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.0.lock().expect("nobody panics here");
        gates
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(0)))
            .clone()
    }

    /// Lets one through, now or later.
    pub(crate) fn open(&self, name: &str) {
        self.gate(name).add_permits(1);
    }

    pub(crate) async fn pass(&self, name: &str) {
        self.gate(name)
            .acquire()
            .await
            .expect("gates stay")
            .forget();
    }
}

/// A service whose calls are held back at the gate that their body names.
pub(crate) struct Stage {
    pub(crate) log: Log,
    pub(crate) gates: Gates,
}

/// A stage, its gates, and what is heard of it.
pub(crate) fn stage() -> (Stage, Gates, Heard) {
    let (log, heard) = log();
    let gates = Gates::default();
    (
        Stage {
            log,
            gates: gates.clone(),
        },
        gates,
        heard,
    )
}

fn text(body: &Bytes) -> &str {
    std::str::from_utf8(body).expect("bodies are text here")
}

impl Stage {
    async fn play(&self, body: Bytes) -> Bytes {
        let name = text(&body);
        self.log.say(format!("start {name}"));
        let _dropped = self.log.guard(&format!("dropped {name}"));
        self.gates.pass(name).await;
        self.log.say(format!("end {name}"));
        body
    }
}

#[handler]
impl Stage {
    async fn echo(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn wait(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(self.play(body).await)
    }

    #[route(concurrent)]
    async fn overlap(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(self.play(body).await)
    }

    #[route(cancel)]
    async fn cancel(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(self.play(body).await)
    }

    #[route(cancel, concurrent)]
    async fn cancel_overlapping(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(self.play(body).await)
    }

    #[route(timeout = "50ms")]
    async fn limited(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(self.play(body).await)
    }

    /// Waits until the client has left, then says so.
    async fn watch(&self, ctx: &Context<'_>) -> Result<Bytes> {
        self.log.say("watching");
        ctx.closed().await;
        self.log.say("left");
        Ok(Bytes::new())
    }

    async fn bind(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&body)).await?;
        Ok(body)
    }

    async fn push(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("onPush", &body).await?;
        Ok(body)
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().kick().await.unwrap();
        Ok(Bytes::new())
    }
}
