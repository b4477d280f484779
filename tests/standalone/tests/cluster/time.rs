//! A call takes as long as its caller waits, and not longer: on a clock that the tests hold.

use std::sync::Arc;
use std::time::Duration;

use pitaya::prelude::*;
use pitaya::{RpcContext, remote};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::*;

/// The error of a caller that waited in vain, as its client reads it.
fn timed_out(gate: &Gate, peer: &str) -> String {
    let own = &gate.handle().server().id;
    format!(
        r#"{{"code":"PIT-408","msg":"rpc client: request timeout","metadata":{{"peer.id":"{peer}","route":"room.a.b","server":"{own}","timeout":"5s"}}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn each_request_of_a_server_that_dies_gets_one_error_in_time() {
    for order in [Order::Own, Order::None] {
        let world = World::default();
        let gate = world.gate().await;
        let mut room = world.fake("room", "r", order).await;
        let mut client = gate.connect().await;
        let started = Instant::now();
        for id in 1..=10 {
            client.request(id, "room.a.b", b"").await;
            client.notify("room.a.b", b"").await;
        }
        drop(room.asked().await);
        drop(room);
        let expected = timed_out(&gate, "r");
        for id in 1..=10 {
            let answer = client.message().await;
            assert_eq!((answer.id, answer.error), (id, true));
            assert_eq!(answer.text(), expected);
        }
        let took = started.elapsed();
        assert!(
            took >= Duration::from_secs(5) && took < Duration::from_millis(5100),
            "{took:?}"
        );
        // Exactly one: the next thing that comes is the answer to something else.
        assert_eq!(client.call(99, "room.a.b", b"").await.text(), NO_SERVERS);
        gate.app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_announced_and_gone_is_an_error_at_once() {
    let world = World::default();
    let gate = world.gate().await;
    let ghost = world.fake("room", "r", Order::Own).await;
    pitaya::cluster::RpcServer::close(&*ghost.rpc, Duration::ZERO).await;
    let mut client = gate.connect().await;
    let started = Instant::now();
    let failed = client.call(1, "room.a.b", b"").await;
    assert!(failed.error, "{failed:?}");
    assert_eq!(started.elapsed(), Duration::ZERO);
    gate.app.shutdown().await;
}

/// Says how much time its caller leaves it, and calls on.
struct Chain {
    said: mpsc::UnboundedSender<(String, Duration)>,
}

struct Links(Arc<Chain>);

#[remote(server = "last")]
impl Links {
    async fn end(&self, ctx: &RpcContext<'_>) -> Result<Bytes> {
        let left = ctx.remaining().expect("callers say how long they wait");
        let _ = self.0.said.send(("end".to_owned(), left));
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(Bytes::new())
    }
}

struct Middle(Arc<Chain>);

#[handler]
impl Middle {
    async fn go(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let _ = self.0.said.send(("first".to_owned(), left(ctx.deadline())));
        tokio::time::sleep(Duration::from_secs(2)).await;
        let nested = LinksRemoteClient::new(ctx).end().await;
        let code = nested
            .err()
            .map(|error| error.code().to_owned())
            .unwrap_or_default();
        let _ = self.0.said.send((code, left(ctx.deadline())));
        // The caller has given up: a call now would be for nobody.
        let started = Instant::now();
        let late = LinksRemoteClient::new(ctx)
            .timeout(Duration::from_secs(60))
            .end()
            .await;
        let code = late
            .err()
            .map(|error| error.code().to_owned())
            .unwrap_or_default();
        let _ = self
            .0
            .said
            .send((format!("late {code}"), started.elapsed()));
        Ok(Bytes::new())
    }
}

fn left(deadline: Option<Instant>) -> Duration {
    deadline
        .expect("frontends say how long they wait")
        .saturating_duration_since(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn the_callers_time_travels_with_nested_calls_and_is_kept() {
    let world = World::default();
    let (said, mut heard) = mpsc::unbounded_channel();
    let chain = Arc::new(Chain { said });
    let gate = world.gate().await;
    let room = world
        .backend(world.app("room").handler(Middle(chain.clone())))
        .await;
    let last = world.backend(world.app("last").remote(Links(chain))).await;
    let mut client = gate.connect().await;
    let answer = client.call(1, "room.middle.go", b"").await;
    assert!(answer.text().contains("PIT-408"), "{answer:?}");
    let mut next = async || in_time(heard.recv()).await.unwrap();
    assert_eq!(next().await, ("first".to_owned(), Duration::from_secs(5)));
    let (place, left) = next().await;
    assert_eq!(place, "end");
    assert!(
        left <= Duration::from_secs(3) && left > Duration::from_millis(2900),
        "{left:?}"
    );
    assert_eq!(next().await, ("PIT-408".to_owned(), Duration::ZERO));
    assert_eq!(next().await, ("late PIT-408".to_owned(), Duration::ZERO));
    gate.app.shutdown().await;
    room.shutdown().await;
    last.shutdown().await;
}

struct Slow {
    said: mpsc::UnboundedSender<String>,
}

/// Says when it is dropped.
struct Guard(mpsc::UnboundedSender<String>, &'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(self.1.to_owned());
    }
}

#[handler]
impl Slow {
    async fn hang(&self) -> Result<Bytes> {
        let _ = self.said.send("hang".to_owned());
        let _guard = Guard(self.said.clone(), "dropped");
        std::future::pending().await
    }

    #[route(cancel)]
    async fn cancelled(&self) -> Result<Bytes> {
        let _guard = Guard(self.said.clone(), "cancelled");
        std::future::pending().await
    }

    async fn quick(&self, body: Bytes) -> Result<Bytes> {
        let _ = self.said.send(format!("quick {}", text(&body)));
        Ok(body)
    }
}

fn within(
    timeout: &str,
    mut request: pitaya::cluster::wire::Request,
) -> pitaya::cluster::wire::Request {
    request.metadata = format!(r#"{{"reqTimeout":"{timeout}"}}"#).into();
    request
}

#[tokio::test(start_paused = true)]
async fn a_callee_answers_a_late_call_and_runs_nothing_whose_caller_has_gone() {
    let world = World::default();
    let (said, mut heard) = mpsc::unbounded_channel();
    let mut config = Config::for_test();
    config.handler.grace = Duration::from_secs(3);
    let room = world
        .backend(world.app("room").config(config).handler(Slow { said }))
        .await;
    let gate = world.fake("gate", "elsewhere", Order::Own).await;
    let started = Instant::now();
    let hang = gate.call(&room, within("1s", forwarded(1, "room.slow.hang", "")));
    let behind = gate.call(
        &room,
        within("2s", forwarded(1, "room.slow.quick", "too late")),
    );
    let patient = gate.call(
        &room,
        within("9s", forwarded(1, "room.slow.quick", "in time")),
    );
    let hang = async { (hang.await, started.elapsed()) };
    let behind = async { (behind.await, started.elapsed()) };
    let (hang, behind, patient) = tokio::join!(hang, behind, patient);
    for ((result, took), seconds) in [(hang, 1), (behind, 2)] {
        let error = result.unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("PIT-500", "rpc client: request timeout")
        );
        assert_eq!(took.as_secs(), seconds);
    }
    assert_eq!(patient.unwrap(), "in time");
    assert_eq!(
        started.elapsed().as_secs(),
        4,
        "the one that hangs is dropped after its grace"
    );
    let heard: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert_eq!(heard, ["hang", "dropped", "quick in time"]);
    room.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellable_handler_ends_with_its_callers_time() {
    let world = World::default();
    let (said, mut heard) = mpsc::unbounded_channel();
    let room = world
        .backend(world.app("room").handler(Slow { said }))
        .await;
    let gate = world.fake("gate", "elsewhere", Order::Own).await;
    let started = Instant::now();
    let request = within("1s", forwarded(1, "room.slow.cancelled", ""));
    assert_eq!(
        gate.call(&room, request).await.unwrap_err().code(),
        "PIT-500"
    );
    assert_eq!(in_time(heard.recv()).await.as_deref(), Some("cancelled"));
    assert_eq!(started.elapsed().as_secs(), 1);
    room.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_names_no_time_has_the_usual_one() {
    let world = World::default();
    let (said, _heard) = mpsc::unbounded_channel();
    let room = world
        .backend(world.app("room").handler(Slow { said }))
        .await;
    let gate = world.fake("gate", "elsewhere", Order::Own).await;
    for (timeout, seconds) in [("", 5), ("soon", 5), ("7", 5), ("7s", 7), ("-3s", 5)] {
        let started = Instant::now();
        let request = within(timeout, forwarded(seconds, "room.slow.hang", ""));
        let error = gate.call(&room, request).await.unwrap_err();
        assert_eq!(error.code(), "PIT-500", "{timeout}");
        assert_eq!(started.elapsed().as_secs(), seconds as u64, "{timeout}");
    }
    // More than any clock can count.
    let request = within(
        "9223372036854775807h",
        forwarded(9, "room.slow.quick", "soon"),
    );
    assert_eq!(gate.call(&room, request).await.unwrap(), "soon");
    room.shutdown().await;
}
