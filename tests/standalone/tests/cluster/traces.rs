//! Spans of messages and calls, and the trace that joins those of several servers.

use std::sync::Arc;

use pitaya::cluster::Metadata;
use pitaya::prelude::*;
use pitaya::protocol::packet::PacketType;
use pitaya::trace::{Carrier, Propagator, TraceContext};
use serde_json::{Value, json};

use crate::spans::{Seen, observe};
use crate::support::*;

#[message]
struct Seat {
    number: i32,
}

#[remote(server = "account")]
trait Desk {
    async fn book(&self, ctx: &RpcContext<'_>, seat: Seat) -> Result<Seat>;
    async fn refuse(&self) -> Result<Seat>;
}

struct Clerk;

#[remote]
impl Desk for Clerk {
    async fn book(&self, _ctx: &RpcContext<'_>, seat: Seat) -> Result<Seat> {
        tokio::task::yield_now().await;
        tracing::info!("booked");
        Ok(seat)
    }

    async fn refuse(&self) -> Result<Seat> {
        Err(Error::new("DESK-1", "all taken"))
    }
}

struct Room;

#[handler]
impl Room {
    async fn sit(&self, ctx: &Context<'_>) -> Result<Bytes> {
        tokio::task::yield_now().await;
        tracing::info!("seating");
        DeskClient::new(ctx).book(&Seat { number: 7 }).await?;
        Ok(ctx
            .metadata()
            .request_id()
            .unwrap_or_default()
            .to_owned()
            .into())
    }

    async fn ask(&self, ctx: &Context<'_>) -> Result<Bytes> {
        DeskClient::new(ctx).refuse().await?;
        Ok(Bytes::new())
    }

    async fn bind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().bind("ada").await?;
        Ok(Bytes::new())
    }

    async fn both(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let desk = DeskClient::new(ctx);
        let (one, two) = (Seat { number: 1 }, Seat { number: 2 });
        let _ = tokio::join!(desk.book(&one), desk.refuse(), desk.book(&two));
        Ok(Bytes::new())
    }

    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        tracing::info!("echoed");
        Ok(body)
    }

    #[route(code = 7)]
    async fn coded(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    #[route(concurrent)]
    async fn beside(&self, body: Bytes) -> Result<Bytes> {
        tracing::info!("beside");
        Ok(body)
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("ROOM-1", "full"))
    }

    async fn panic(&self) -> Result<Bytes> {
        panic!("on purpose")
    }

    async fn note(&self) {}
}

/// The fields that every span of an error-free run has, by kind.
fn check(seen: &Seen, name: &str, fields: &[(&str, &str)]) {
    assert_eq!(seen.name(), name, "{seen:#?}");
    for (field, value) in fields {
        assert_eq!(seen.get(field), *value, "{field}: {seen:#?}");
    }
    assert_eq!(seen.failure(), None, "{seen:#?}");
}

/// One trace, each span the child of the one before.
fn is_chain(spans: &[Seen]) {
    assert_eq!(spans[0].get("trace.id").len(), 32);
    assert!(!spans[0].has("parent.id"), "{:#?}", spans[0]);
    for pair in spans.windows(2) {
        assert_eq!(pair[0].get("trace.id"), pair[1].get("trace.id"));
        assert_eq!(
            pair[0].get("span.id"),
            pair[1].get("parent.id"),
            "{pair:#?}"
        );
    }
}

#[tokio::test]
async fn one_trace_goes_with_a_message_through_all_servers() {
    let world = World::default();
    let gate = world.gate().await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let account = world
        .backend(world.app("account").remote(DeskServer::new(Clerk)))
        .await;
    let mut client = gate.connect().await;
    client.call(1, "room.room.bind", b"").await;
    let (book, _observed) = observe();
    let request_id = client.call(2, "room.room.sit", b"").await.text().to_owned();
    let spans = book.ended(5).await;

    let ids = [&gate.app, &room, &account].map(|app| app.handle().server().id.clone());
    let [at_gate, at_room, at_account] = ids.each_ref().map(String::as_str);
    let client_span = [("span.kind", "client"), ("otel.kind", "client")];
    let server_span = [
        ("span.kind", "server"),
        ("otel.kind", "server"),
        ("request.id", &request_id),
    ];
    check(&spans[0], "room.room.sit", &server_span);
    check(
        &spans[0],
        "room.room.sit",
        &[
            ("local.id", at_gate),
            ("msg.type", "request"),
            ("user.id", "ada"),
        ],
    );
    check(&spans[1], "Local RPC Call", &client_span);
    check(
        &spans[1],
        "Local RPC Call",
        &[
            ("local.id", at_gate),
            ("peer.serverType", "room"),
            ("peer.id", at_room),
        ],
    );
    check(&spans[2], "room.room.sit", &server_span);
    check(
        &spans[2],
        "room.room.sit",
        &[
            ("local.id", at_room),
            ("peer.id", at_gate),
            ("peer.service", "gate"),
        ],
    );
    check(&spans[3], "Local RPC Call", &client_span);
    check(
        &spans[3],
        "Local RPC Call",
        &[
            ("local.id", at_room),
            ("peer.serverType", "account"),
            ("peer.id", at_account),
        ],
    );
    check(&spans[4], "account.desk.book", &server_span);
    check(
        &spans[4],
        "account.desk.book",
        &[
            ("local.id", at_account),
            ("peer.id", at_room),
            ("peer.service", "room"),
        ],
    );
    is_chain(&spans);
    // In their processes calls are inside of what they are made for, and nothing is inside of a span
    // of another server.
    let inside = spans
        .iter()
        .map(|seen| seen.inside.is_some())
        .collect::<Vec<_>>();
    assert_eq!(inside, [false, true, false, true, false]);
    assert!(spans[1].is_in(&spans[0]) && spans[3].is_in(&spans[2]));
    assert_eq!(spans[2].lines, ["seating"]);
    assert_eq!(spans[4].lines, ["booked"]);
    for app in [gate.app, room, account] {
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_message_served_where_its_client_is_has_one_span_under_the_name_it_was_sent() {
    let world = World::default();
    let builder = world.app("gate").handler(Room);
    let gate = Gate::start(builder).await;
    let mut client = gate.connect().await;
    let (book, _observed) = observe();
    for (route, name, lines) in [
        ("room.echo", "room.echo", vec!["echoed"]),
        ("gate.room.echo", "gate.room.echo", vec!["echoed"]),
        ("room.beside", "room.beside", vec!["beside"]),
    ] {
        client.call(1, route, b"").await;
        let [span] = &book.ended(1).await[..] else {
            panic!("one span")
        };
        check(
            span,
            name,
            &[("msg.type", "request"), ("span.kind", "server")],
        );
        assert!(!span.has("user.id") && !span.has("parent.id"));
        assert_eq!(span.lines, lines, "{route}");
    }
    // A request with id 5 and the code 7 as its route.
    client.send(PacketType::Data, b"\x01\x05\x00\x07").await;
    client.message().await;
    check(
        &book.ended(1).await[0],
        "gate.room.coded",
        &[("msg.type", "request")],
    );
    client.notify("room.note", b"").await;
    check(
        &book.ended(1).await[0],
        "room.note",
        &[("msg.type", "notify")],
    );
    // Each message is a trace and a request of its own.
    client.call(1, "room.echo", b"").await;
    client.call(2, "room.echo", b"").await;
    let spans = book.ended(2).await;
    for field in ["trace.id", "request.id", "span.id"] {
        assert!(!spans[0].get(field).is_empty());
        assert_ne!(spans[0].get(field), spans[1].get(field), "{field}");
    }
    gate.app.shutdown().await;
}

#[tokio::test]
async fn what_fails_says_so_with_its_text() {
    let world = World::default();
    let gate = Gate::start(world.app("gate").handler(Room)).await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let account = world
        .backend(world.app("account").remote(DeskServer::new(Clerk)))
        .await;
    let mut client = gate.connect().await;
    let (book, _observed) = observe();
    let not_found = "pitaya/handler: room.room.none not found";
    // The failures of the spans in the order in which they begin.
    let cases: &[(&str, &[&str])] = &[
        ("room.fail", &["full"]),
        ("room.panic", &["internal error"]),
        ("room.none", &["pitaya/handler: gate.room.none not found"]),
        ("room.note", &["tried to request a notify route"]),
        ("nowhere.room.echo", &["no servers available of this type"]),
        ("room.room.fail", &["full"; 3]),
        ("room.room.panic", &["internal error"; 3]),
        ("room.room.none", &[not_found; 3]),
        ("room.ask", &["all taken"; 3]),
        ("room.room.ask", &["all taken"; 5]),
    ];
    for (route, failures) in cases {
        client.call(1, route, b"").await;
        let spans = book.ended(failures.len()).await;
        let found: Vec<_> = spans
            .iter()
            .map(|seen| seen.failure().unwrap_or("none"))
            .collect();
        assert_eq!(&found, failures, "{route}");
        is_chain(&spans);
    }
    // A notify's failure reaches nobody but the trace.
    client.notify("room.room.fail", b"").await;
    assert_eq!(book.ended(3).await[0].failure(), Some("full"));
    for app in [gate.app, room, account] {
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_router_runs_in_the_span_of_its_message() {
    let world = World::default();
    let router = pitaya::cluster::router::choose_later(|routing| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            tracing::info!("chosen");
            routing
                .servers
                .first()
                .cloned()
                .ok_or_else(|| "nobody".into())
        })
    });
    let gate = Gate::start(world.app("gate").route_to("room", router)).await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut client = gate.connect().await;
    let (book, _observed) = observe();
    client.call(1, "room.room.echo", b"").await;
    assert_eq!(book.ended(3).await[0].lines, ["chosen"]);
    gate.app.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn calls_side_by_side_have_one_parent_and_do_not_see_each_other() {
    let world = World::default();
    let gate = Gate::start(world.app("gate").handler(Room)).await;
    let account = world
        .backend(world.app("account").remote(DeskServer::new(Clerk)))
        .await;
    let mut client = gate.connect().await;
    let (book, _observed) = observe();
    client.call(1, "room.both", b"").await;
    let spans = book.ended(7).await;
    let calls: Vec<_> = spans
        .iter()
        .filter(|seen| seen.name() == "Local RPC Call")
        .collect();
    assert_eq!(calls.len(), 3);
    for call in &calls {
        assert_eq!(call.get("parent.id"), spans[0].get("span.id"));
    }
    let failed = spans.iter().filter(|seen| seen.failure().is_some()).count();
    assert_eq!(failed, 2, "the call that was refused, on both sides");
    let served = spans
        .iter()
        .filter(|seen| seen.name().starts_with("account."));
    for served in served {
        assert_eq!(served.get("request.id"), spans[0].get("request.id"));
        let called = calls
            .iter()
            .filter(|call| call.get("span.id") == served.get("parent.id"));
        assert_eq!(called.count(), 1);
    }
    gate.app.shutdown().await;
    account.shutdown().await;
}

fn metadata(asked: &Asked) -> Metadata {
    Metadata::parse(&asked.request.metadata).unwrap()
}

/// Without a subscriber.
#[tokio::test]
async fn nothing_is_invented_where_nobody_looks() {
    let world = World::default();
    let gate = Gate::start(world.app("gate").handler(Room)).await;
    let mut account = world.fake("account", "a", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "account.any.thing", b"").await;
    let asked = account.asked().await;
    let forwarded = metadata(&asked);
    assert_eq!(forwarded.get("otel-span"), None);
    assert!(forwarded.request_id().is_some() && forwarded.start_time().is_some());
    asked.answer("");
    client.message().await;
    // Calls of one message belong to one request, and each has its own route.
    client.request(2, "room.both", b"").await;
    let mut calls = Vec::new();
    for _ in 0..3 {
        let asked = account.asked().await;
        calls.push((metadata(&asked), asked.msg().route.clone()));
        asked.answer("");
    }
    client.message().await;
    for (call, route) in &calls {
        assert_eq!(call.get("otel-span"), None);
        assert_eq!(call.route(), Some(&**route));
        assert_eq!(call.request_id(), calls[0].0.request_id());
        assert_eq!(call.start_time(), calls[0].0.start_time());
        assert_eq!(call.peer_service(), Some("gate"));
    }
    assert_ne!(calls[0].0.request_id(), forwarded.request_id());
    assert!(calls[0].0.start_time() > forwarded.start_time());
    gate.app.shutdown().await;
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// What a room passes on of a trace context that came with a message.
async fn passed_on(sent: Value) -> Option<Value> {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut account = world.fake("account", "a", Order::Own).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let mut request = forwarded(1, "room.room.sit", "");
    request.metadata = json!({"otel-span": sent}).to_string().into();
    let answer = async {
        let asked = account.asked().await;
        let passed = metadata(&asked).get("otel-span").cloned();
        asked.answer("");
        passed
    };
    let (answered, passed) = tokio::join!(peer.call(&room, request), answer);
    answered.unwrap();
    room.shutdown().await;
    passed
}

#[tokio::test]
async fn a_trace_context_passes_where_nobody_looks_and_odd_ones_do_not_go_on() {
    for (sent, expected) in [
        (
            json!({"traceparent": PARENT, "x": "y"}),
            Some(json!({"traceparent": PARENT, "x": "y"})),
        ),
        (
            json!({"traceparent": PARENT, "n": 1}),
            Some(json!({"traceparent": PARENT})),
        ),
        (json!({}), Some(json!({}))),
        (json!({"traceparent": 1}), None),
        (json!("x"), None),
        (json!([1]), None),
        (json!(null), None),
    ] {
        assert_eq!(passed_on(sent.clone()).await, expected, "{sent}");
    }
}

#[tokio::test]
async fn a_trace_that_came_is_continued_and_a_malformed_one_begun_anew() {
    let (book, _observed) = observe();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (sent, continued) in [
        (
            json!({"traceparent": PARENT, "tracestate": "a=1", "baggage": "k=v"}),
            true,
        ),
        (
            json!({"traceparent": PARENT, "tracestate": "a", "n": 1}),
            true,
        ),
        (
            json!({"traceparent": PARENT.to_uppercase(), "tracestate": "a=1"}),
            false,
        ),
        (json!({"traceparent": 7}), false),
        (json!({}), false),
        (json!("x"), false),
        (json!([]), false),
        (json!(null), false),
    ] {
        let passed = passed_on(sent.clone()).await.expect("a trace goes along");
        let spans = book.ended(2).await;
        let carrier: Carrier = serde_json::from_value(passed.clone()).unwrap();
        let last = TraceContext::extract(&carrier).unwrap();
        assert_eq!(spans[0].get("trace.id") == trace, continued, "{sent}");
        let parent = if continued { "b7ad6b7169203331" } else { "" };
        assert_eq!(spans[0].get("parent.id"), parent, "{sent}");
        assert_eq!(spans[1].get("parent.id"), spans[0].get("span.id"));
        assert_eq!(format!("{:016x}", last.span_id()), spans[1].get("span.id"));
        assert_eq!(
            format!("{:032x}", last.trace_id()),
            spans[0].get("trace.id")
        );
        assert_eq!(last.is_sampled(), !continued, "the flag is kept: {sent}");
        let good_state = continued && sent["tracestate"] == "a=1";
        assert_eq!(last.state(), if good_state { "a=1" } else { "" }, "{sent}");
        assert_eq!(passed.get("baggage"), sent.get("baggage"), "{sent}");
    }
}

/// Calls that a server makes of itself, and calls within it.
#[tokio::test]
async fn a_call_of_nobody_begins_a_trace() {
    let world = World::default();
    let account = world
        .backend(world.app("account").remote(DeskServer::new(Clerk)))
        .await;
    let (book, _observed) = observe();
    let desk = DeskClient::new(account.handle());
    desk.book(&Seat { number: 1 }).await.unwrap();
    let spans = book.ended(2).await;
    check(
        &spans[0],
        "Local RPC Call",
        &[("peer.serverType", "account")],
    );
    check(
        &spans[1],
        "account.desk.book",
        &[("peer.service", "account")],
    );
    is_chain(&spans);
    account.shutdown().await;
}

/// Carries something else than W3C headers.
#[derive(Clone, Default)]
struct Numbers(Arc<std::sync::Mutex<Vec<String>>>);

impl Numbers {
    fn next(&self, what: &str, carrier: &Carrier) -> Carrier {
        let came = carrier.get("hops").cloned().unwrap_or_default();
        let mut all = self.0.lock().unwrap();
        all.push(format!("{what} {came:?}"));
        [("hops".to_owned(), format!("{came}{what} "))].into()
    }
}

impl Propagator for Numbers {
    fn receive(&self, span: &tracing::Span, carrier: &Carrier) -> Carrier {
        assert!(!span.is_disabled());
        self.next("in", carrier)
    }

    fn send(&self, span: &tracing::Span, within: &Carrier) -> Carrier {
        assert!(!span.is_disabled());
        self.next("out", within)
    }
}

#[tokio::test]
async fn an_application_may_join_spans_in_its_own_way() {
    let world = World::default();
    let numbers = Numbers::default();
    let gate = Gate::start(world.app("gate").propagator(numbers.clone())).await;
    let builder = world.app("room").handler(Room).propagator(numbers.clone());
    let room = world.backend(builder).await;
    let mut client = gate.connect().await;
    client.call(1, "room.room.echo", b"").await;
    assert!(numbers.0.lock().unwrap().is_empty(), "nobody looks");
    let (book, _observed) = observe();
    client.call(1, "room.room.echo", b"").await;
    book.ended(3).await;
    let seen = numbers.0.lock().unwrap().clone();
    assert_eq!(seen, [r#"in """#, r#"out "in ""#, r#"in "in out ""#]);
    gate.app.shutdown().await;
    room.shutdown().await;
}
