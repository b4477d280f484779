//! A trace goes with a call through servers of both languages, and each that looks is a step of it.

use std::sync::{Arc, Mutex};

use interop_tests::world::{go_knows, knows};
use interop_tests::{Player, Text, World};
use pitaya::app::config::SerializerKind;
use pitaya::message::Serializer;
use pitaya::trace::{Carrier, OwnIds, Propagator, TraceContext};
use serde_json::json;
use tracing::Span;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::Registry;

/// Notes what comes in and goes out of one server.
#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Vec<Step>>>);

/// One span: its name, the one it is made for, and itself.
type Step = (String, Option<TraceContext>, Option<TraceContext>);

impl Notes {
    fn note(&self, what: &str, parent: &Carrier, own: &Carrier) {
        let read = TraceContext::extract;
        let step = (what.to_owned(), read(parent), read(own));
        self.0.lock().expect("nothing panics in here").push(step);
    }

    /// What was noted, each a step of the one before.
    fn steps(&self) -> Vec<Step> {
        let steps = std::mem::take(&mut *self.0.lock().expect("nothing panics in here"));
        for pair in steps.windows(2) {
            assert_eq!(pair[0].2, pair[1].1, "{pair:?}");
        }
        for (_, parent, own) in &steps {
            let own = own.as_ref().expect("every span is of a trace");
            if let Some(parent) = parent {
                assert_eq!(own.trace_id(), parent.trace_id());
                assert_ne!(own.span_id(), parent.span_id());
                assert_eq!(own.is_sampled(), parent.is_sampled());
            }
        }
        steps
    }
}

impl Propagator for Notes {
    fn receive(&self, span: &Span, carrier: &Carrier) -> Carrier {
        let own = OwnIds.receive(span, carrier);
        self.note("receive", carrier, &own);
        own
    }

    fn send(&self, span: &Span, within: &Carrier) -> Carrier {
        let own = OwnIds.send(span, within);
        self.note("send", within, &own);
        own
    }
}

/// No spans are made on this thread. To be said, because a subscriber of another test leaves its traces in the macros.
fn nobody_looks() -> DefaultGuard {
    tracing::subscriber::set_default(NoSubscriber::default())
}

fn id(context: Option<&TraceContext>) -> String {
    context.map_or_else(String::new, |context| {
        format!("{:032x}", context.trace_id())
    })
}

async fn ask(player: &mut Player, route: &str, body: &[u8]) -> String {
    let answer = player.call(route, body).await;
    assert!(!answer.error, "{}", answer.text());
    Text::read(&answer.body, &Serializer::Json)
}

/// A Go frontend begins a trace with what a client sends; a Rust backend handles that and calls a Go backend.
#[tokio::test]
async fn a_trace_that_go_began_passes_and_is_continued_where_somebody_looks() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let notes = Notes::default();
    let builder = world.builder("rust").propagator(notes.clone());
    let app = builder.start().await.expect("the app starts");
    let mut gate = world
        .go_server(&["-type", "gate", "-frontend", "-spans"])
        .await;
    let mut go = world.go_backend("go").await;
    knows(&app, 3).await;
    go_knows(&mut gate, 3).await;
    go_knows(&mut go, 3).await;
    let mut player = world.go_player(&gate).await;
    let mut trace = async || {
        let traces = ask(&mut player, "rust.room.trace", br#"{"value":"go"}"#).await;
        let (here, there) = traces.split_once(',').expect("two traces");
        assert_eq!((here.len(), here), (32, there));
        here.to_owned()
    };
    let nobody = nobody_looks();
    trace().await;
    assert!(notes.steps().is_empty());

    drop(nobody);
    let _looked_at = tracing::subscriber::set_default(Registry::default());
    let here = trace().await;
    let steps = notes.steps();
    let what: Vec<_> = steps.iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(what, ["receive", "send"]);
    assert_eq!(id(steps[0].1.as_ref()), here, "Go's own span came along");
    app.shutdown().await;
}

/// A Rust frontend begins a trace, which goes by way of a Go backend to a Rust one.
#[tokio::test]
async fn a_trace_that_began_here_reaches_go_and_comes_back() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let notes = Notes::default();
    let builder = world.builder("gate").propagator(notes.clone());
    let gate = builder.acceptor(pitaya::Tcp::bind("127.0.0.1:0")).start();
    let gate = gate.await.expect("the app starts");
    let room = world.backend("room").await;
    let mut go = world.go_backend("go").await;
    for app in [&gate, &room] {
        knows(app, 3).await;
    }
    go_knows(&mut go, 3).await;
    let mut player = world.player(&gate).await;
    let nobody = nobody_looks();
    let forwarded = br#"{"value":"room.desk.trace,x"}"#;
    assert_eq!(ask(&mut player, "go.room.ask", forwarded).await, "");
    assert_eq!(
        ask(&mut player, "gate.room.trace", br#"{"value":"go"}"#).await,
        ","
    );
    assert!(notes.steps().is_empty(), "there is no trace");

    drop(nobody);
    let _looked_at = tracing::subscriber::set_default(Registry::default());
    // Forwarded to Go, which calls on.
    let reached = ask(&mut player, "go.room.ask", forwarded).await;
    let steps = notes.steps();
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert_eq!(steps[0].1, None);
    assert_eq!(id(steps[1].2.as_ref()), reached);
    // Called from a handler here.
    let traces = ask(&mut player, "gate.room.trace", br#"{"value":"go"}"#).await;
    let own = id(notes.steps()[0].2.as_ref());
    assert_eq!(traces, format!("{own},{own}"));
    gate.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn a_trace_passes_from_go_through_rust_to_go() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let _nobody = nobody_looks();
    let app = world.backend("rust").await;
    let mut go = world.go_backend("go").await;
    knows(&app, 2).await;
    go_knows(&mut go, 2).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = |route: &str, value: Option<&str>| json!({"op": "rpc", "route": route, "value": value, "trace": trace});
    assert_eq!(
        go.command(call("rust.desk.trace", None)).await,
        Ok(json!(trace))
    );
    assert_eq!(
        go.command(call("rust.desk.relay", Some("go"))).await,
        Ok(json!(trace))
    );
    // Without a span there is none.
    assert_eq!(
        go.rpc(None, "rust.desk.trace", None).await.as_deref(),
        Ok("")
    );
    app.shutdown().await;
}
