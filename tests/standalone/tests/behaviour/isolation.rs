//! Guarantees 2 and 3: whatever application code does, nobody else notices.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use garde::Validate;
use pitaya::app::AppBuilder;
use pitaya::app::config::Overflow;
use pitaya::handler::{BoxFuture, HookReply};
use pitaya::message::AnyMessage;
use pitaya::protocol::packet::PacketType;
use pitaya::{App, Bytes, Context, Error, Json, Result, handler, message};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use standalone_tests::RawClient;

use super::support::{
    Book, INTERNAL, Log, app, app_with, connect, eventually, log, newest_session, start,
};

/// A type whose own code panics when it travels.
struct Bomb;

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("secret: decoding")
    }
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("secret: encoding")
    }
}

#[message(validate)]
#[derive(Validate)]
struct Judged {
    #[garde(custom(panics))]
    name: String,
}

fn panics(_: &str, (): &()) -> garde::Result {
    panic!("secret: judging")
}

/// Panics when it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("secret: dropping")
    }
}

struct Fuse(Log);

#[handler]
impl Fuse {
    async fn echo(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn at_once(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        panic!("secret: at once")
    }

    async fn later(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        tokio::task::yield_now().await;
        panic!("secret: later")
    }

    fn plainly(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        panic!("secret: without any await")
    }

    #[route(concurrent)]
    async fn beside(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        panic!("secret: beside")
    }

    #[route(timeout = "10s")]
    async fn in_time(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        panic!("secret: in time")
    }

    async fn decode(&self, _ctx: &Context<'_>, _body: Json<Bomb>) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn encode(&self, _ctx: &Context<'_>) -> Result<Json<Bomb>> {
        Ok(Json(Bomb))
    }

    async fn judge(&self, _ctx: &Context<'_>, _body: Judged) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn bind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let bound = ctx.session().bind("ada").await;
        assert!(ctx.session().uid().is_none() && ctx.app().sessions().by_uid("ada").is_none());
        bound?;
        Ok(Bytes::new())
    }

    #[route(cancel)]
    async fn trapped(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        let _trap = Trap;
        self.0.say("trapped");
        std::future::pending::<()>().await;
        Ok(Bytes::new())
    }

    async fn notice(&self, _ctx: &Context<'_>) {
        panic!("secret: nobody asked")
    }
}

fn fuse() -> (AppBuilder, Book) {
    let book = Book::default();
    (app().handler(Fuse(log().0)).recorder(book.recorder()), book)
}

/// Calls the route: it is answered as a panic, counted at its place, and everybody lives on.
async fn blows(app: &App, book: &Book, route: &str, place: &str) {
    let mut bystander = connect(app).await;
    let mut client = connect(app).await;
    let before = book.panics(place);
    let answer = client.call(1, route, b"{}").await;
    assert_eq!((answer.error, answer.text()), (true, INTERNAL), "{route}");
    assert_eq!(
        book.panics(place),
        before + 1.0,
        "{route} at {place}: {:?}",
        book.keys()
    );
    for client in [&mut client, &mut bystander] {
        assert_eq!(client.call(2, "fuse.echo", b"alive").await.text(), "alive");
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_counted_and_hidden() {
    let (app, book) = fuse();
    let app = start(app).await;
    let routes = ["at_once", "later", "plainly", "beside", "in_time"];
    for route in routes {
        blows(&app, &book, &format!("fuse.{route}"), "handler").await;
    }
    let mut client = connect(&app).await;
    client.notify("fuse.notice", b"").await;
    assert_eq!(client.call(1, "fuse.echo", b"alive").await.text(), "alive");
    assert_eq!(book.panics("handler"), routes.len() as f64 + 1.0);
    app.shutdown().await;
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("nobody panics here")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_is_logged_with_its_route_and_session() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let (app, _book) = fuse();
    let app = start(app).await;
    connect(&app).await.call(1, "fuse.later", b"").await;
    let logged = lines.0.lock().expect("nobody panics here").clone();
    let logged = String::from_utf8(logged).expect("logs are text");
    let line = logged
        .lines()
        .find(|line| line.contains("a handler panicked"));
    let line = line.unwrap_or_else(|| panic!("it is logged: {logged}"));
    for part in ["ERROR", r#"route="game.fuse.later""#, "session=1"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_a_messages_own_code_is_answered_and_counted_at_its_place() {
    let (app, book) = fuse();
    let app = start(app).await;
    for (route, place) in [
        ("fuse.decode", "decode"),
        ("fuse.encode", "encode"),
        ("fuse.judge", "validation"),
    ] {
        blows(&app, &book, route, place).await;
    }
    assert_eq!(book.panics("handler"), 0.0);
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_while_encoding_behind_hooks_is_counted_once() {
    let (app, book) = fuse();
    let app = start(app.after(remember)).await;
    blows(&app, &book, "fuse.encode", "encode").await;
    assert_eq!(book.panics("handler"), 0.0);
    app.shutdown().await;
}

fn remember<'a>(_: &'a Context<'a>, _: &'a mut HookReply<'_>) -> BoxFuture<'a, ()> {
    Box::pin(async {})
}

/// Only for one route, so that others show that everything goes on.
fn is_target(ctx: &Context<'_>) -> bool {
    ctx.route() == "game.fuse.at_once"
}

fn blow_before<'a>(
    ctx: &'a Context<'a>,
    _: Option<&'a mut dyn AnyMessage>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        assert!(!is_target(ctx), "secret: before");
        Ok(())
    })
}

fn blow_before_at_once<'a>(
    ctx: &'a Context<'a>,
    _: Option<&'a mut dyn AnyMessage>,
) -> BoxFuture<'a, Result<()>> {
    assert!(!is_target(ctx), "secret: before any future");
    Box::pin(async { Ok(()) })
}

#[tokio::test]
async fn a_panic_in_a_before_hook_ends_the_call_only() {
    let (app, book) = fuse();
    let app = start(app.before(blow_before)).await;
    blows(&app, &book, "fuse.at_once", "before_hook").await;
    assert_eq!(book.panics("handler"), 0.0);
    app.shutdown().await;

    let (app, book) = fuse();
    let app = start(app.before(blow_before_at_once)).await;
    blows(&app, &book, "fuse.at_once", "before_hook").await;
    app.shutdown().await;
}

fn blow_after<'a>(ctx: &'a Context<'a>, _: &'a mut HookReply<'_>) -> BoxFuture<'a, ()> {
    Box::pin(async move { assert!(ctx.route() != "game.fuse.target", "secret: after") })
}

struct Target;

#[handler(name = "fuse")]
impl Target {
    async fn target(&self, _ctx: &Context<'_>) -> Result<Bytes> {
        Ok(Bytes::from_static(b"fine"))
    }

    async fn echo(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }
}

#[tokio::test]
async fn a_panic_in_an_after_hook_is_answered_and_later_hooks_still_run() {
    let book = Book::default();
    let (log, mut heard) = log();
    let witness = move |ctx: &Context<'_>, reply: &mut HookReply<'_>| {
        if ctx.route() == "game.fuse.target" {
            log.say(format!("{:?}", reply.error().map(Error::code)));
        }
    };
    let app = app()
        .handler(Target)
        .recorder(book.recorder())
        .after(blow_after)
        .after(Witness(witness));
    let app = start(app).await;
    blows(&app, &book, "fuse.target", "after_hook").await;
    heard.expect([r#"Some("PIT-500")"#]).await;
    app.shutdown().await;
}

/// A hook from a closure that does not wait.
struct Witness<F>(F);

impl<F> pitaya::handler::AfterHook for Witness<F>
where
    F: Fn(&Context<'_>, &mut HookReply<'_>) + Send + Sync + 'static,
{
    fn after<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()> {
        (self.0)(ctx, reply);
        Box::pin(async {})
    }
}

#[message]
struct Excuse {
    text: String,
}

#[tokio::test]
async fn after_hooks_see_a_handlers_panic_as_an_error_and_may_answer_it() {
    let (app, book) = fuse();
    let excuse = |_: &Context<'_>, reply: &mut HookReply<'_>| {
        if reply.error().is_some_and(|error| error.code() == "PIT-500") {
            reply.replace(Excuse {
                text: "sorry".to_owned(),
            });
        }
    };
    let app = start(app.after(Witness(excuse))).await;
    let mut client = connect(&app).await;
    for (id, route) in [(1, "fuse.at_once"), (2, "fuse.later"), (3, "fuse.beside")] {
        let answer = client.call(id, route, b"").await;
        assert_eq!(
            (answer.error, answer.text()),
            (false, r#"{"text":"sorry"}"#)
        );
    }
    assert_eq!(book.panics("handler"), 3.0);
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_a_handshake_validator_refuses_that_client() {
    let (app, book) = fuse();
    let app = app.handshake_validator("fuse", |_, data| async move {
        assert!(&*data.sys.platform != "bomb", "secret: validating");
        Ok(())
    });
    let app = start(app).await;
    let mut bystander = connect(&app).await;
    let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
    client
        .send(PacketType::Handshake, br#"{"sys":{"platform":"bomb"}}"#)
        .await;
    let (kind, body) = client.packet().await.expect("a refusal is an answer");
    assert_eq!(kind, PacketType::Handshake);
    assert!(
        body.starts_with(br#"{"code":400"#),
        "{}",
        String::from_utf8_lossy(&body)
    );
    assert_eq!(client.rest().await, []);
    assert_eq!(book.panics("handshake_validator"), 1.0);
    assert_eq!(book.total("pitaya_handshakes_total{outcome=refused}"), 1.0);
    assert_eq!(
        bystander.call(1, "fuse.echo", b"alive").await.text(),
        "alive"
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_a_bind_callback_refuses_the_bind() {
    for after in [false, true] {
        let (app, book) = fuse();
        let app = if after {
            app.on_after_session_bind(|_, _| async { panic!("secret: after the bind") })
        } else {
            app.on_session_bind(|_, _| async { panic!("secret: binding") })
        };
        let app = start(app).await;
        blows(&app, &book, "fuse.bind", "bind_callback").await;
        assert_eq!(book.panics("handler"), 0.0);
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_close_callback_stops_no_other() {
    let (app, book) = fuse();
    let (log, mut heard) = log();
    let (second, last) = (log.clone(), log.clone());
    let app = app
        .on_session_close(|_, _| async { panic!("secret: the app's") })
        .on_session_close(move |_, _| {
            let log = last.clone();
            async move { log.say("the app's second") }
        });
    let app = start(app).await;
    let mut bystander = connect(&app).await;
    let client = connect(&app).await;
    let session = newest_session(&app);
    session
        .on_close(|_, _| async { panic!("secret: its own") })
        .unwrap();
    session
        .on_close(|session, _| {
            assert!(!session.is_closed(), "secret: before any future");
            async {}
        })
        .unwrap();
    session
        .on_close(move |_, _| async move { second.say("its own third") })
        .unwrap();
    drop(client);
    heard.expect(["its own third", "the app's second"]).await;
    eventually("all are counted", || book.panics("close_callback") == 3.0).await;
    assert_eq!(
        bystander.call(1, "fuse.echo", b"alive").await.text(),
        "alive"
    );
    drop(log);
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_while_a_cancelled_call_is_dropped_is_caught() {
    let book = Book::default();
    let (log, mut heard) = log();
    let app = start(app().handler(Fuse(log)).recorder(book.recorder())).await;
    let mut bystander = connect(&app).await;
    let mut client = connect(&app).await;
    client.request(1, "fuse.trapped", b"").await;
    heard.expect(["trapped"]).await;
    drop(client);
    eventually("it is counted", || book.panics("handler") == 1.0).await;
    assert_eq!(
        bystander.call(1, "fuse.echo", b"alive").await.text(),
        "alive"
    );
    eventually("the session is gone", || {
        app.handle().sessions().count() == 1
    })
    .await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_client_that_never_reads_delays_nobody() {
    let (log, _heard) = log();
    // The deaf client stays for the whole test: its messages are dropped, not its connection.
    let app = app_with(|config| {
        config.buffer.overflow = Overflow::Drop;
        config.buffer.write_timeout = Duration::from_secs(3600);
        config.shutdown.sessions = Duration::from_millis(100);
    });
    let app = start(app.handler(Fuse(log))).await;
    let deaf = connect(&app).await;
    let session = newest_session(&app);
    let noise = Bytes::from(vec![b'x'; 64 * 1024]);
    let pusher = tokio::spawn({
        let session = session.clone();
        async move {
            while session.push("noise", &noise).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    });
    let mut client = connect(&app).await;
    for id in 1..200 {
        assert_eq!(client.call(id, "fuse.echo", b"hi").await.text(), "hi");
    }
    super::support::in_time(pusher)
        .await
        .expect("the queue fills");
    for id in 200..400 {
        assert_eq!(client.call(id, "fuse.echo", b"hi").await.text(), "hi");
    }
    assert!(!session.is_closed());
    drop(deaf);
    app.shutdown().await;
}

#[tokio::test]
async fn a_panic_of_the_service_that_the_app_keeps_leaves_it_usable() {
    let (log, _heard) = log();
    let service = Arc::new(Fuse(log));
    let app = start(app().handler(service.clone())).await;
    let mut client = connect(&app).await;
    for id in 1..50 {
        assert_eq!(client.call(id, "fuse.at_once", b"").await.text(), INTERNAL);
    }
    assert_eq!(client.call(50, "fuse.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
    assert_eq!(Arc::strong_count(&service), 1);
}
