//! Start and shutdown: in order, undone where they fail, bounded, and one app at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pitaya::acceptor::{Acceptor, Connect, Established};
use pitaya::app::AppBuilder;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, AppHandle, Bytes, Component, Error, Module, Result, Tcp, WebSocket, handler};
use standalone_tests::{RawClient, decode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::support::{
    Book, Heard, Log, app, app_with, connect, connect_in_memory, eventually, in_time, log,
    newest_session, stage, start, start_in_memory,
};

/// A component or module that says what happens to it.
struct Part {
    name: &'static str,
    log: Log,
    /// In which step it does not do what it should, and what it does instead.
    mishap: Option<(&'static str, Mishap)>,
}

#[derive(Clone, Copy)]
enum Mishap {
    Fail,
    Panic,
    Hang,
}

impl Part {
    async fn step(&self, step: &str, app: &AppHandle) -> Result<()> {
        self.log
            .say(format!("{} {step} {}", self.name, app.is_running()));
        match self.mishap {
            Some((at, Mishap::Fail)) if at == step => Err(Error::new("PART-1", "out of luck")),
            Some((at, Mishap::Panic)) if at == step => panic!("out of luck"),
            Some((at, Mishap::Hang)) if at == step => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

impl Component for Part {
    async fn init(&self, app: &AppHandle) -> Result<()> {
        self.step("init", app).await
    }

    async fn after_init(&self, app: &AppHandle) -> Result<()> {
        self.step("after_init", app).await
    }

    async fn before_shutdown(&self, app: &AppHandle) -> Result<()> {
        self.step("before_shutdown", app).await
    }

    async fn shutdown(&self, app: &AppHandle) -> Result<()> {
        self.step("shutdown", app).await
    }
}

impl Module for Part {
    fn name(&self) -> &str {
        self.name
    }

    async fn init(&self, app: &AppHandle) -> Result<()> {
        self.step("init", app).await
    }

    async fn after_init(&self, app: &AppHandle) -> Result<()> {
        self.step("after_init", app).await
    }

    async fn before_shutdown(&self, app: &AppHandle) -> Result<()> {
        self.step("before_shutdown", app).await
    }

    async fn shutdown(&self, app: &AppHandle) -> Result<()> {
        self.step("shutdown", app).await
    }
}

struct Silent;

#[handler]
impl Silent {
    async fn nothing(&self) {}
}

/// An acceptor to which nobody ever connects.
struct Deserted {
    log: Log,
    fails: bool,
}

struct Nobody;

impl Connect for Nobody {
    type Io = DuplexStream;

    async fn establish(self) -> io::Result<Established<DuplexStream>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Acceptor for Deserted {
    type Connect = Nobody;

    async fn bind(&mut self) -> io::Result<()> {
        self.log.say("bind");
        if self.fails {
            Err(io::Error::other("out of ports"))
        } else {
            Ok(())
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn accept(&mut self) -> io::Result<Nobody> {
        std::future::pending().await
    }

    fn name(&self) -> &'static str {
        "deserted"
    }
}

/// An app of two modules, one service with a constructor, two components and an acceptor. What
/// `mishap` names goes wrong: a part and its step, `post_build`, `service` or `listen`.
fn fragile(mishap: Option<(&'static str, &'static str, Mishap)>) -> (AppBuilder, Heard) {
    let (log, heard) = log();
    let part = |name: &'static str| {
        let mishap = mishap
            .filter(|(part, ..)| *part == name)
            .map(|(_, step, how)| (step, how));
        Arc::new(Part {
            name,
            log: log.clone(),
            mishap,
        })
    };
    let goes_wrong = move |name: &str| match mishap.filter(|(part, ..)| *part == name) {
        Some((_, _, Mishap::Panic)) => panic!("out of luck"),
        Some(_) => Err(Error::new("PART-1", "out of luck")),
        None => Ok(()),
    };
    let (built, made) = (log.clone(), log.clone());
    let builder = app_with(|config| config.shutdown.component = Duration::from_secs(3))
        .post_build(move |app| async move {
            built.say(format!("post_build {}", app.is_running()));
            goes_wrong("post_build")
        })
        .acceptor(Deserted {
            log: log.clone(),
            fails: mishap.is_some_and(|(part, ..)| part == "listen"),
        })
        .component(part("c1"))
        .handler_with(move |_| async move {
            made.say("service");
            goes_wrong("service").map(|()| Silent)
        })
        .module(part("m1"))
        .component(part("c2"))
        .module_before(part("m0"));
    (builder, heard)
}

const START: [&str; 11] = [
    "post_build false",
    "m0 init false",
    "m1 init false",
    "m0 after_init false",
    "m1 after_init false",
    "service",
    "c1 init false",
    "c2 init false",
    "c1 after_init false",
    "c2 after_init false",
    "bind",
];

const STOP: [&str; 8] = [
    "c2 before_shutdown false",
    "c1 before_shutdown false",
    "c2 shutdown false",
    "c1 shutdown false",
    "m1 before_shutdown false",
    "m0 before_shutdown false",
    "m1 shutdown false",
    "m0 shutdown false",
];

#[tokio::test]
async fn everything_starts_in_order_and_stops_in_reverse() {
    let (builder, mut heard) = fragile(None);
    let app = builder.start().await.unwrap();
    assert_eq!(heard.so_far(), START);
    assert!(app.handle().is_running());
    let handle = app.handle().clone();
    app.shutdown().await;
    assert_eq!(heard.so_far(), STOP);
    assert!(!handle.is_running());
}

#[tokio::test]
async fn a_failed_start_names_its_part_and_undoes_what_was_started() {
    let cases = [
        ("post_build", "", "a post-build hook failed"),
        ("m0", "init", "module `m0` in `init` failed"),
        ("m1", "init", "module `m1` in `init` failed"),
        ("m1", "after_init", "module `m1` in `after_init` failed"),
        ("service", "", "the constructor of service `silent` failed"),
        (
            "c1",
            "init",
            "component `behaviour::lifecycle::Part` in `init` failed",
        ),
        (
            "c2",
            "init",
            "component `behaviour::lifecycle::Part` in `init` failed",
        ),
        (
            "c2",
            "after_init",
            "component `behaviour::lifecycle::Part` in `after_init` failed",
        ),
        ("listen", "", "the deserted acceptor cannot listen"),
    ];
    for (part, step, told) in cases {
        for how in [Mishap::Fail, Mishap::Panic] {
            let panics = matches!(how, Mishap::Panic);
            if panics && part == "listen" {
                continue;
            }
            let (builder, mut heard) = fragile(Some((part, step, how)));
            let Err(error) = builder.start().await else {
                panic!("{part} {step} starts")
            };
            let cause = match (part, panics) {
                ("listen", _) => "out of ports",
                (_, true) => "it panicked",
                (_, false) => "out of luck",
            };
            assert_eq!(error.to_string(), format!("{told}: {cause}"));
            assert_undone(&heard.so_far(), part, step);
        }
    }
}

/// What was heard is a beginning of the start, then the undoing of exactly the parts whose `init`
/// went well, in the order of a shutdown.
fn assert_undone(heard: &[String], part: &str, step: &str) {
    let last = match (part, step) {
        ("listen", _) => "bind".to_owned(),
        ("post_build", _) => "post_build false".to_owned(),
        ("service", _) => "service".to_owned(),
        (part, step) => format!("{part} {step} false"),
    };
    let began = START
        .iter()
        .position(|&said| said == last)
        .expect("it is a step of the start")
        + 1;
    let (start, stop) = heard.split_at(began.min(heard.len()));
    assert_eq!(start, &START[..began], "{part} {step}");
    let initialised = |name: &str| {
        let init = format!("{name} init false");
        start.contains(&init) && (part, step) != (name, "init")
    };
    let undone: Vec<_> = STOP
        .into_iter()
        .filter(|said| said.split(' ').next().is_some_and(initialised))
        .collect();
    assert_eq!(stop, undone, "{part} {step}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_panics_or_hangs_at_the_end_stops_no_other() {
    for how in [Mishap::Fail, Mishap::Panic, Mishap::Hang] {
        for (part, step) in [
            ("c2", "before_shutdown"),
            ("c1", "shutdown"),
            ("m1", "shutdown"),
        ] {
            let (builder, mut heard) = fragile(Some((part, step, how)));
            let app = builder.start().await.unwrap();
            heard.so_far();
            let since = Instant::now();
            app.shutdown().await;
            assert_eq!(heard.so_far(), STOP);
            let limit = Duration::from_millis(if matches!(how, Mishap::Hang) {
                3010
            } else {
                10
            });
            assert!(since.elapsed() <= limit, "{:?}", since.elapsed());
        }
    }
}

#[tokio::test]
async fn modules_are_found_by_name_and_type_and_names_are_unique() {
    let (log, _heard) = log();
    let module = |name| {
        Arc::new(Part {
            name,
            log: log.clone(),
            mishap: None,
        })
    };
    let app = app().module(module("store")).start().await.unwrap();
    assert_eq!(
        app.handle().module::<Part>("store").map(|part| part.name),
        Some("store")
    );
    assert!(app.handle().module::<Part>("none").is_none());
    assert!(app.handle().module::<Silent>("store").is_none());
    app.shutdown().await;
    let twice = super::support::app()
        .module(module("store"))
        .module(module("store"))
        .start()
        .await;
    let Err(error) = twice else {
        panic!("two modules have one name")
    };
    assert!(
        error.to_string().contains("two modules are named `store`"),
        "{error}"
    );
}

#[tokio::test]
async fn at_shutdown_a_call_under_way_is_answered_before_the_kick_and_nothing_new_is_served() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let address = app.local_addr(0).unwrap();
    let mut client = connect(&app).await;
    let mut idle = connect(&app).await;
    client.request(1, "stage.wait", b"a").await;
    client.request(2, "stage.echo", b"too late").await;
    heard.expect(["start a"]).await;
    let handle = app.handle().clone();
    let shutdown = tokio::spawn(app.shutdown());
    assert_eq!(idle.rest().await, [(PacketType::Kick, Vec::new())]);
    assert!(!handle.is_running());
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert!(!shutdown.is_finished());
    gates.open("a");
    let packets = client.rest().await;
    let [(PacketType::Data, answer), (PacketType::Kick, _)] = &packets[..] else {
        panic!("an answer and a kick, not {packets:?}")
    };
    assert_eq!((decode(answer).id, decode(answer).text()), (1, "a"));
    in_time(shutdown).await.unwrap();
}

#[tokio::test]
async fn at_shutdown_overlapping_calls_are_answered_before_the_kick() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    client.request(1, "stage.overlap", b"a").await;
    client.request(2, "stage.overlap", b"b").await;
    heard.expect(["start a", "start b"]).await;
    let shutdown = tokio::spawn(app.shutdown());
    gates.open("b");
    assert_eq!(client.message().await.id, 2);
    gates.open("a");
    assert_eq!(client.message().await.id, 1);
    assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    in_time(shutdown).await.unwrap();
}

#[tokio::test]
async fn at_shutdown_a_session_that_is_kicked_does_not_wait_for_its_calls() {
    let (stage, gates, mut heard) = stage();
    let app = app_with(|config| config.shutdown.handlers = Duration::from_secs(3600));
    let app = start(app.handler(stage)).await;
    let mut client = connect(&app).await;
    let session = newest_session(&app);
    client.request(1, "stage.overlap", b"a").await;
    heard.expect(["start a"]).await;
    let mut idle = connect(&app).await;
    let shutdown = tokio::spawn(app.shutdown());
    let kick = [(PacketType::Kick, Vec::new())];
    assert_eq!(idle.rest().await, kick, "by now it waits for the call");
    session.kick().await.unwrap();
    assert_eq!(client.rest().await, kick);
    assert!(!shutdown.is_finished());
    gates.open("a");
    in_time(shutdown).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_calls_no_longer_than_its_limits() {
    let second = Duration::from_secs(1);
    for route in ["stage.wait", "stage.overlap"] {
        let (stage, _gates, mut heard) = stage();
        let app = app_with(|config| {
            config.shutdown.handlers = 30 * second;
            config.shutdown.sessions = 10 * second;
            config.handler.grace = 5 * second;
            config.heartbeat.interval = 3600 * second;
        });
        let (app, connector) = start_in_memory(app.handler(stage), 4096).await;
        let mut client = connect_in_memory(&connector).await;
        client.request(1, route, b"a").await;
        heard.expect(["start a"]).await;
        let since = Instant::now();
        app.shutdown().await;
        let took = since.elapsed();
        assert!(
            took >= 30 * second && took <= 51 * second,
            "{route}: {took:?}"
        );
        heard.expect(["dropped a"]).await;
        assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_does_not_hold_up_a_shutdown_without_calls() {
    let second = Duration::from_secs(1);
    let app = app_with(|config| {
        config.shutdown.handlers = 600 * second;
        config.shutdown.sessions = 5 * second;
        config.buffer.write_timeout = 3600 * second;
    });
    let (app, connector) = start_in_memory(app.handler(stage().0), 64).await;
    let client = connect_in_memory(&connector).await;
    newest_session(&app)
        .push("plug", &Bytes::from(vec![0; 4096]))
        .await
        .unwrap();
    tokio::task::yield_now().await;
    let since = Instant::now();
    app.shutdown().await;
    assert!(since.elapsed() <= 11 * second, "{:?}", since.elapsed());
    drop(client);
}

#[tokio::test]
async fn a_peer_that_stalls_its_upgrade_does_not_hold_up_a_shutdown() {
    let app = app_with(|config| {
        config.limits.handshake.timeout = Duration::from_secs(600);
        config.limits.upgrade_timeout = Duration::from_secs(600);
        config.shutdown.sessions = Duration::from_secs(600);
    });
    let app = app
        .handler(stage().0)
        .acceptor(WebSocket::bind("127.0.0.1:0"));
    let app = app.start().await.unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let mut stalled = TcpStream::connect(app.local_addr(0).unwrap())
        .await
        .unwrap();
    stalled.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let alive = || Handle::current().metrics().num_alive_tasks();
    eventually("it is being established", || alive() > before).await;
    in_time(app.shutdown()).await;
    assert_eq!(in_time(stalled.read(&mut [0; 16])).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn two_apps_in_one_process_do_not_notice_each_other() {
    struct Told(&'static str);

    #[handler(name = "told")]
    impl Told {
        #[route(code = 7)]
        async fn tell(&self) -> Result<Bytes> {
            Ok(Bytes::from(self.0))
        }
    }

    let books = [Book::default(), Book::default()];
    let [first, second] = [("one", &books[0]), ("two", &books[1])].map(|(name, book)| {
        App::builder(name)
            .config(pitaya::Config::for_test())
            .handler(Told(name))
            .handler(stage().0)
            .recorder(book.recorder())
    });
    let first = start(first.dictionary([("onNews", 9)])).await;
    let second = start(second).await;
    let (mut a, mut b) = (connect(&first).await, connect(&second).await);
    assert_eq!(a.call(1, "told.tell", b"").await.text(), "one");
    assert_eq!(b.call(1, "told.tell", b"").await.text(), "two");
    assert_eq!(first.handle().dictionary().code("onNews"), Some(9));
    assert_eq!(second.handle().dictionary().code("onNews"), None);
    assert_eq!(second.handle().dictionary().code("two.told.tell"), Some(7));

    first.handle().groups().create("hall").await.unwrap();
    second.handle().groups().create("hall").await.unwrap();
    a.call(2, "stage.bind", b"ada").await;
    first
        .handle()
        .groups()
        .add_member("hall", "ada")
        .await
        .unwrap();
    assert_eq!(second.handle().groups().count("hall").await.unwrap(), 0);
    assert!(second.handle().sessions().by_uid("ada").is_none());
    assert_eq!(
        (newest_session(&first).id(), newest_session(&second).id()),
        (1, 1)
    );

    let calls = |book: &Book, app: &str| {
        let labels = format!("route={app}.told.tell,status=ok,type=handler,code=");
        book.samples(&format!("pitaya_handler_response_time_ns{{{labels}}}"))
            .len()
    };
    assert_eq!([calls(&books[0], "one"), calls(&books[1], "two")], [1, 1]);
    assert_eq!([calls(&books[0], "two"), calls(&books[1], "one")], [0, 0]);

    first.shutdown().await;
    assert_eq!(a.rest().await, [(PacketType::Kick, Vec::new())]);
    assert_eq!(b.call(3, "told.tell", b"").await.text(), "two");
    assert_eq!(second.handle().groups().count("hall").await.unwrap(), 0);
    second.shutdown().await;
}

#[tokio::test]
async fn dropping_an_app_ends_everything_that_it_started() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let base = alive();
    let (stage, _gates, mut heard) = stage();
    let app = app_with(|config| {
        config.handler.grace = Duration::from_millis(10);
        config.limits.handshake.timeout = Duration::from_secs(600);
        config.limits.upgrade_timeout = Duration::from_secs(600);
    });
    let app = app.handler(stage).acceptor(WebSocket::bind("127.0.0.1:0"));
    let app = app
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let mut stalled = TcpStream::connect(app.local_addr(0).unwrap())
        .await
        .unwrap();
    stalled.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut client = RawClient::connect(app.local_addr(1).unwrap()).await;
    client.request(1, "stage.overlap", b"a").await;
    client.request(2, "stage.wait", b"b").await;
    let mut started = [heard.next().await, heard.next().await];
    started.sort();
    assert_eq!(started, ["start a", "start b"]);
    let session = newest_session(&app);
    let _idle = RawClient::connect(app.local_addr(1).unwrap()).await;
    drop(app);
    assert_eq!(client.rest().await, []);
    eventually("no task is left", || alive() == base).await;
    assert_eq!(session.close_reason(), Some(CloseReason::Shutdown));
    let mut dropped: Vec<_> = heard.so_far();
    dropped.sort();
    assert_eq!(dropped, ["dropped a", "dropped b"]);
}

#[tokio::test]
async fn a_running_app_ends_when_a_handle_asks_for_it() {
    let app = start(app().handler(stage().0)).await;
    let mut client = connect(&app).await;
    let handle = app.handle().clone();
    let running = tokio::spawn(app.run());
    handle.shutdown();
    assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    in_time(running).await.unwrap();
    assert!(!handle.is_running());
    // A handle that outlives its app still answers.
    assert_eq!(handle.sessions().count(), 0);
    assert!(handle.groups().count("none").await.is_err());
}

#[tokio::test]
async fn an_address_in_use_names_the_acceptor() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (log, mut heard) = log();
    let part = Arc::new(Part {
        name: "c",
        log,
        mishap: None,
    });
    let app = app()
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .acceptor(Tcp::bind(address))
        .component(part);
    let Err(error) = app.start().await else {
        panic!("the address is taken")
    };
    assert!(
        error
            .to_string()
            .starts_with("the tcp acceptor cannot listen: "),
        "{error}"
    );
    heard
        .expect([
            "c init false",
            "c after_init false",
            "c before_shutdown false",
            "c shutdown false",
        ])
        .await;
}
