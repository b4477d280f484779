//! Mounting services: by value, by `Arc`, by constructor; names; what is refused at build; and what
//! a call of the wrong kind gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pitaya::app::AppBuilder;
use pitaya::app::config::SerializerKind;
use pitaya::{AppHandle, Bytes, Error, Json, Proto, Result, handler, message};
use serde::{Deserialize, Serialize};

use super::support::{app, app_with, connect, log, start};

#[derive(Default)]
struct Counter {
    calls: AtomicU64,
}

#[handler]
impl Counter {
    async fn count(&self) -> Result<Bytes> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Bytes::from(calls.to_string()))
    }
}

#[tokio::test]
async fn a_service_is_mounted_by_value() {
    let app = start(app().handler(Counter::default())).await;
    let mut client = connect(&app).await;
    assert_eq!(client.call(1, "counter.count", b"").await.text(), "1");
    assert_eq!(
        connect(&app)
            .await
            .call(1, "game.counter.count", b"")
            .await
            .text(),
        "2"
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_service_in_an_arc_is_shared_with_its_owner_and_let_go_at_the_end() {
    let counter = Arc::new(Counter::default());
    let app = start(app().handler(counter.clone())).await;
    counter.calls.store(41, Ordering::Relaxed);
    assert_eq!(
        connect(&app)
            .await
            .call(1, "counter.count", b"")
            .await
            .text(),
        "42"
    );
    app.shutdown().await;
    assert_eq!(Arc::strong_count(&counter), 1);
}

/// A service that knows its app.
struct Knowing(AppHandle);

#[handler]
impl Knowing {
    async fn kind(&self) -> Result<Bytes> {
        Ok(Bytes::from(self.0.server().kind.clone()))
    }
}

#[tokio::test]
async fn a_service_is_made_by_an_async_constructor_when_the_app_starts() {
    let make = |app: AppHandle| async move {
        tokio::task::yield_now().await;
        assert!(!app.is_running());
        Ok(Knowing(app))
    };
    let app = start(app().handler_with(make)).await;
    assert_eq!(
        connect(&app)
            .await
            .call(1, "knowing.kind", b"")
            .await
            .text(),
        "game"
    );
    app.shutdown().await;
}

async fn refused(builder: AppBuilder) -> String {
    match builder.start().await {
        Ok(_) => panic!("the app starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_error_or_a_panic_of_a_constructor_names_the_service() {
    let fails = |_| async { Err::<Counter, _>(Error::msg("no database")) };
    assert_eq!(
        refused(app().handler_with(fails)).await,
        "the constructor of service `counter` failed: no database"
    );
    let panics = |_| async { panic!("no database") as Result<Counter> };
    assert_eq!(
        refused(app().handler_with(panics)).await,
        "the constructor of service `counter` failed: it panicked"
    );
}

struct GameRoom;

#[handler]
impl GameRoom {
    async fn join_room(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"as written"))
    }
}

struct Lobby;

#[handler(name = "Hall", rename_all = "lower")]
impl Lobby {
    async fn join_room(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"lower"))
    }

    #[route(name = "Leave")]
    async fn leave_room(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"given"))
    }
}

struct Camel;

#[handler(rename_all = "camel")]
impl Camel {
    async fn join_room(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"camel"))
    }
}

#[tokio::test]
async fn names_follow_the_service_and_its_policy() {
    let app = start(app().handler(GameRoom).handler(Lobby).handler(Camel)).await;
    let mut client = connect(&app).await;
    let named = [
        ("gameroom.join_room", "as written"),
        ("Hall.joinroom", "lower"),
        ("Hall.Leave", "given"),
        ("camel.joinRoom", "camel"),
    ];
    for (id, (route, answer)) in (1..).zip(named) {
        assert_eq!(client.call(id, route, b"").await.text(), answer, "{route}");
    }
    for (id, route) in (10..).zip(["GameRoom.join_room", "hall.joinroom", "Hall.leave_room"]) {
        let missing = client.call(id, route, b"").await;
        assert_eq!(
            missing.text(),
            format!(r#"{{"code":"PIT-404","msg":"pitaya/handler: game.{route} not found"}}"#)
        );
    }
    app.shutdown().await;
}

#[derive(Serialize, Deserialize)]
struct Foreign {
    n: i32,
}

struct Twice;

#[handler(name = "twice")]
impl Twice {
    #[route(code = 1)]
    async fn a(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

struct TwiceAgain;

#[handler(name = "twice")]
impl TwiceAgain {
    async fn a(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    #[route(code = 1)]
    async fn b(&self, _msg: Json<Foreign>) -> Result<Json<Foreign>> {
        Ok(Json(Foreign { n: 1 }))
    }
}

#[tokio::test]
async fn everything_that_does_not_fit_together_is_told_at_once_with_both_places() {
    let protobuf = app_with(|config| config.serializer = SerializerKind::Protobuf);
    let told = refused(protobuf.handler(Twice).handler(TwiceAgain)).await;
    let line = |text: &str| {
        let lines: Vec<_> = told.lines().filter(|line| line.contains(text)).collect();
        assert!(!lines.is_empty(), "{text} is missing in: {told}");
        lines.join("\n")
    };
    let places = |text: &str| text.matches("mounting.rs:").count();
    let twice = line("route `twice.a` is mounted twice");
    assert_eq!(places(&twice), 2, "{twice}");
    let codes = line("dictionary code 1 is given to `twice.a`");
    assert!(
        codes.contains("`twice.b`") && places(&codes) == 2,
        "{codes}"
    );
    let formats = line("the app's serializer is protobuf, which cannot carry `JSON value`");
    assert!(
        formats.contains("route `twice.b`") && places(&formats) >= 1,
        "{formats}"
    );
    assert!(told.starts_with("the app cannot be built:\n"), "{told}");
}

#[tokio::test]
async fn a_server_type_that_cannot_be_part_of_a_route_is_refused() {
    for kind in ["", "a.b"] {
        let told = refused(pitaya::App::builder(kind)).await;
        assert!(
            told.contains(&format!("`{kind}` is not a server type")),
            "{told}"
        );
    }
}

struct Kinds(super::support::Log);

#[handler]
impl Kinds {
    async fn notify(&self, body: Bytes) {
        self.0
            .say(format!("notify {}", String::from_utf8_lossy(&body)));
    }

    async fn failing(&self) -> Result<()> {
        self.0.say("failing");
        Err("nobody hears this".into())
    }

    async fn request(&self, body: Bytes) -> Result<Bytes> {
        self.0
            .say(format!("request {}", String::from_utf8_lossy(&body)));
        Ok(body)
    }

    async fn nothing(&self) -> Result<Option<Bytes>> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_request_of_a_notify_is_refused_and_a_notify_of_a_request_runs_unanswered() {
    let (log, mut heard) = log();
    let app = start(app().handler(Kinds(log))).await;
    let mut client = connect(&app).await;
    let refused = client.call(1, "kinds.notify", b"x").await;
    assert_eq!(
        refused.text(),
        r#"{"code":"PIT-400","msg":"tried to request a notify route"}"#
    );
    client.notify("kinds.notify", b"a").await;
    client.notify("kinds.request", b"b").await;
    client.notify("kinds.failing", b"").await;
    client.notify("kinds.none", b"").await;
    let answer = client.call(2, "kinds.request", b"c").await;
    assert_eq!(answer.text(), "c");
    heard
        .expect(["notify a", "request b", "failing", "request c"])
        .await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_missing_reply_is_an_error() {
    let app = start(app().handler(Kinds(log().0))).await;
    let missing = connect(&app).await.call(1, "kinds.nothing", b"").await;
    assert_eq!(
        (missing.error, missing.text()),
        (true, r#"{"code":"PIT-000","msg":"reply must not be null"}"#)
    );
    app.shutdown().await;
}

#[message]
struct Point {
    x: i32,
    y: i32,
}

/// A foreign protobuf type, as a generator would write it.
#[derive(Clone, PartialEq, prost::Message)]
struct ForeignPoint {
    #[prost(int32, tag = "1")]
    x: i32,
    #[prost(int32, tag = "2")]
    y: i32,
}

struct Bodies;

#[handler]
impl Bodies {
    async fn typed(&self, point: Point) -> Result<Point> {
        Ok(Point {
            x: point.y,
            y: point.x,
        })
    }

    async fn raw(&self, body: Vec<u8>) -> Result<Vec<u8>> {
        Ok(body.into_iter().rev().collect())
    }
}

struct JsonBodies;

#[handler]
impl JsonBodies {
    async fn swap(&self, Json(foreign): Json<Foreign>) -> Result<Json<Foreign>> {
        Ok(Json(Foreign { n: -foreign.n }))
    }
}

struct ProtoBodies;

#[handler]
impl ProtoBodies {
    async fn swap(&self, Proto(point): Proto<ForeignPoint>) -> Result<Proto<ForeignPoint>> {
        Ok(Proto(ForeignPoint {
            x: point.y,
            y: point.x,
        }))
    }
}

#[tokio::test]
async fn bodies_travel_as_json() {
    let app = start(app().handler(Bodies).handler(JsonBodies)).await;
    let mut client = connect(&app).await;
    let typed = client.call(1, "bodies.typed", br#"{"x":1,"y":2}"#).await;
    assert_eq!(typed.text(), r#"{"x":2,"y":1}"#);
    assert_eq!(
        client.call(2, "bodies.raw", &[0, 1, 255]).await.body,
        [255, 1, 0]
    );
    assert_eq!(
        client
            .call(3, "jsonbodies.swap", br#"{"n":5}"#)
            .await
            .text(),
        r#"{"n":-5}"#
    );
    let broken = client.call(4, "bodies.typed", br#"{"x":"#).await;
    assert!(
        broken.error && broken.text().contains("PIT-400"),
        "{}",
        broken.text()
    );
    app.shutdown().await;
}

#[tokio::test]
async fn bodies_travel_as_protobuf() {
    let protobuf = app_with(|config| config.serializer = SerializerKind::Protobuf);
    let app = start(protobuf.handler(Bodies).handler(ProtoBodies)).await;
    let mut client = connect(&app).await;
    let (one_two, two_one) = ([8, 1, 16, 2], [8, 2, 16, 1]);
    assert_eq!(client.call(1, "bodies.typed", &one_two).await.body, two_one);
    assert_eq!(
        client.call(2, "bodies.raw", &[0, 1, 255]).await.body,
        [255, 1, 0]
    );
    assert_eq!(
        client.call(3, "protobodies.swap", &one_two).await.body,
        two_one
    );
    let broken = client.call(4, "bodies.typed", &[8]).await;
    assert!(broken.error);
    app.shutdown().await;
}
