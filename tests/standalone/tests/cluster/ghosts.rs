//! Servers that are listed and take no calls: what nobody took goes to another server, in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use pitaya::app::AppBuilder;
use pitaya::cluster::discovery::LocalDiscovery;
use pitaya::cluster::router::choose;
use pitaya::cluster::rpc::{LocalRpc, undelivered};
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request};
use pitaya::cluster::{Cluster, RpcClient, RpcServer, ServerInfo};
use pitaya::handler::BoxFuture;
use pitaya::prelude::*;
use tokio::sync::{mpsc, oneshot};

use crate::support::*;

const UNREACHABLE: &str =
    r#"{"code":"PIT-502","msg":"no server takes calls under this id","metadata":{"peer.id":"a"}}"#;

/// A transport that keeps calls of one server back until the test says what became of them, as a
/// network does.
struct Limbo {
    rpc: Arc<LocalRpc>,
    ghost: &'static str,
    kept: mpsc::UnboundedSender<Kept>,
}

/// A call on its way to the ghost; dropped, nothing more is heard of it.
struct Kept {
    text: String,
    fate: oneshot::Sender<Fate>,
}

enum Fate {
    NobodyTookIt,
    Answered(&'static str),
}

impl Kept {
    fn say(self, fate: Fate) {
        let _ = self.fate.send(fate);
    }
}

impl RpcClient for Limbo {
    fn name(&self) -> &'static str {
        "Limbo"
    }

    fn call<'a>(
        &'a self,
        target: &'a ServerInfo,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes>> {
        if target.id != self.ghost {
            return self.rpc.call(target, request, timeout);
        }
        let (fate, told) = oneshot::channel();
        let body = request.msg.unwrap_or_default().data;
        let _ = self.kept.send(Kept {
            text: text(&body),
            fate,
        });
        Box::pin(async move {
            match told.await {
                Ok(Fate::NobodyTookIt) => Err(undelivered(target)),
                Ok(Fate::Answered(body)) => Ok(body.into()),
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn push<'a>(&'a self, kind: &'a str, push: Push) -> BoxFuture<'a, Result<()>> {
        self.rpc.push(kind, push)
    }

    fn kick<'a>(&'a self, kind: &'a str, kick: KickMsg) -> BoxFuture<'a, Result<()>> {
        self.rpc.kick(kind, kick)
    }

    fn announce<'a>(&'a self, kind: &'a str, bind: BindMsg) -> BoxFuture<'a, Result<()>> {
        self.rpc.announce(kind, bind)
    }

    fn is_connected(&self) -> bool {
        true
    }
}

/// A gate whose calls of server `a` end in limbo.
fn limbo(world: &World) -> (AppBuilder, mpsc::UnboundedReceiver<Kept>) {
    let (kept, calls) = mpsc::unbounded_channel();
    let rpc = Arc::new(LocalRpc::new(&world.exchange));
    let client = Arc::new(Limbo {
        rpc: rpc.clone(),
        ghost: "a",
        kept,
    });
    let discovery = Arc::new(LocalDiscovery::new(&world.servers));
    let cluster = Cluster::new(client, rpc, discovery);
    (world.app("gate").cluster(cluster), calls)
}

/// Always the first that is offered, and who was offered each time.
fn first(offers: &Arc<Mutex<Vec<String>>>) -> impl pitaya::cluster::router::Route + use<> {
    let offers = offers.clone();
    choose(move |routing| {
        let ids: Vec<_> = routing.servers.iter().map(|server| &*server.id).collect();
        offers.lock().unwrap().push(ids.join(" "));
        Ok(routing.servers[0].clone())
    })
}

async fn kept(calls: &mut mpsc::UnboundedReceiver<Kept>, n: usize) -> Vec<Kept> {
    let mut kept = Vec::new();
    while kept.len() < n {
        kept.push(in_time(calls.recv()).await.expect("the gate lives"));
    }
    kept
}

async fn expect(room: &mut Fake, bodies: impl IntoIterator<Item = &str>) {
    for body in bodies {
        let asked = room.asked().await;
        assert_eq!(asked.text(), body);
        asked.answer("done");
    }
}

fn recorder() -> (Arc<DebuggingRecorder>, Snapshotter) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    (Arc::new(recorder), snapshotter)
}

/// How many were sent again since the last look, of this type.
fn resent(snapshotter: &Snapshotter, kind: &str) -> u64 {
    let all = snapshotter.snapshot().into_vec().into_iter();
    let of_kind = |key: &metrics_util::CompositeKey| {
        let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
        key.key().name() == "pitaya_rpc_resent_total" && labels == ["undelivered", kind]
    };
    let count = all
        .filter(|(key, ..)| of_kind(key))
        .map(|(_, _, _, value)| match value {
            DebugValue::Counter(n) => n,
            other => panic!("{other:?}"),
        });
    count.sum()
}

/// It takes no calls any more; nobody has told discovery.
async fn die(fake: &Fake) {
    RpcServer::close(&*fake.rpc, Duration::ZERO).await;
}

#[tokio::test]
async fn a_call_that_nobody_took_goes_to_another_server_and_the_next_one_there_at_once() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let gate = Gate::start(world.app("gate").recorder(recorder)).await;
    let [a, b] = ["a", "b"].map(|id| world.fake("room", id, Order::Own));
    let (a, b, mut c) = (a.await, b.await, world.fake("room", "c", Order::Own).await);
    die(&a).await;
    die(&b).await;
    let answering = async {
        for n in 0..100 {
            let asked = c.asked().await;
            assert_eq!(asked.text(), n.to_string());
            asked.answer("done");
        }
    };
    let calling = async {
        for n in 0..100 {
            let body = Bytes::from(n.to_string());
            let answer: Bytes = gate.handle().rpc("room.a.b", Some(&body)).await.unwrap();
            assert_eq!(answer, "done");
        }
    };
    in_time(async { tokio::join!(answering, calling) }).await;
    // Each was tried once, by chance, or twice if its time as a suspect was over meanwhile.
    let resent = resent(&snapshotter, "rpc");
    assert!((1..20).contains(&resent), "{resent}");
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_call_of_a_chosen_server_is_made_nowhere_else() {
    let world = World::default();
    let gate = world.gate().await;
    let a = world.fake("room", "a", Order::Own).await;
    let b = world.fake("room", "b", Order::Own).await;
    die(&a).await;
    let body = Some(&Bytes::new());
    let error = gate
        .handle()
        .rpc_to::<_, Bytes>("a", "room.a.b", body)
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-502", "no server takes calls under this id")
    );
    assert_eq!(error.metadata()["peer.id"], "a");
    assert!(b.is_idle());
    let available = gate.handle().directory().available("room");
    assert_eq!(
        available
            .iter()
            .map(|server| &*server.id)
            .collect::<Vec<_>>(),
        ["b"]
    );
    gate.app.shutdown().await;
}

#[tokio::test]
async fn when_nobody_of_a_type_takes_calls_everybody_is_asked_once_and_that_is_said() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let gate = Gate::start(world.app("gate").recorder(recorder)).await;
    let mut ghosts = Vec::new();
    for id in ["a", "b", "c"] {
        ghosts.push(world.fake("room", id, Order::Own).await);
        die(&ghosts[ghosts.len() - 1]).await;
    }
    let mut client = gate.connect().await;
    for id in 1..=3 {
        let answer = client.call(id, "room.a.b", b"").await;
        assert!(answer.error);
        assert!(
            answer.text().starts_with(r#"{"code":"PIT-502","#),
            "{}",
            answer.text()
        );
        assert_eq!(resent(&snapshotter, "handler"), 2);
        let body = Some(&Bytes::new());
        let error = gate
            .handle()
            .rpc::<_, Bytes>("room.a.b", body)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "PIT-502");
        assert_eq!(resent(&snapshotter, "rpc"), 2);
    }
    gate.app.shutdown().await;
}

#[tokio::test]
async fn the_same_code_in_an_answer_is_an_answer() {
    let world = World::default();
    let gate = world.gate().await;
    let mut a = world.fake("room", "a", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", b"once").await;
    let asked = a.asked().await;
    let mut b = world.fake("room", "b", Order::Own).await;
    asked.fail(undelivered(gate.handle().server()));
    assert!(client.message().await.error);
    assert!(a.is_idle() && b.is_idle());
    let body = Some(&Bytes::new());
    let calling = gate.handle().rpc::<_, Bytes>("room.a.b", body);
    let failing = async {
        let asked = tokio::select! {
            asked = a.asked() => asked,
            asked = b.asked() => asked,
        };
        asked.fail(undelivered(gate.handle().server()));
    };
    let (answer, ()) = in_time(async { tokio::join!(calling, failing) }).await;
    assert_eq!(answer.unwrap_err().code(), "PIT-502");
    assert!(a.is_idle() && b.is_idle());
    gate.app.shutdown().await;
}

/// What was pipelined to the ghost, and what comes later, arrives at the other server as the client
/// sent it, in whichever steps the fates are heard.
#[tokio::test]
async fn messages_that_nobody_took_are_sent_again_in_order_and_nothing_overtakes_them() {
    let bodies: Vec<String> = (1..=40).map(|n| n.to_string()).collect();
    for step in [1, 3, 20] {
        for routed in [false, true] {
            let world = World::default();
            let (mut gate, mut calls) = limbo(&world);
            let offers = Arc::default();
            if routed {
                gate = gate.route_to("room", first(&offers));
            }
            let gate = Gate::start(gate).await;
            let _a = world.fake("room", "a", Order::Own).await;
            let mut client = gate.connect().await;
            // The first one was delivered before the server died; its answer never comes.
            client.request(99, "room.a.b", b"delivered").await;
            let delivered = kept(&mut calls, 1).await;
            let mut sent = bodies.iter().zip(1..);
            let mut send = async |client: &mut Client, n: usize| {
                for (body, id) in sent.by_ref().take(n) {
                    // Every third is a notify.
                    if id % 3 == 0 {
                        client.notify("room.a.b", body.as_bytes()).await;
                    } else {
                        client.request(id, "room.a.b", body.as_bytes()).await;
                    }
                }
            };
            send(&mut client, 20).await;
            let mut fates = kept(&mut calls, 20).await.into_iter();
            let mut b = world.fake("room", "b", Order::Own).await;
            while fates.len() > 0 {
                for kept in fates.by_ref().take(step) {
                    kept.say(Fate::NobodyTookIt);
                }
                send(&mut client, step).await;
                settle().await;
            }
            expect(&mut b, bodies.iter().map(String::as_str)).await;
            for id in (1..=40).filter(|id| id % 3 != 0) {
                let answer = client.message().await;
                assert_eq!((answer.id, answer.text()), (id, "done"));
            }
            delivered
                .into_iter()
                .for_each(|kept| kept.say(Fate::Answered("late")));
            assert_eq!(client.message().await.text(), "late");
            if routed {
                let mut offers = std::mem::take(&mut *offers.lock().unwrap());
                assert_eq!(offers.drain(..21).filter(|offer| offer == "a").count(), 21);
                assert!(offers.iter().all(|offer| offer == "b"), "{offers:?}");
            }
            gate.app.shutdown().await;
        }
    }
}

/// One of those sent to the ghost was delivered after all, and is answered there.
#[tokio::test]
async fn a_message_that_was_taken_is_not_sent_again() {
    let world = World::default();
    let (gate, mut calls) = limbo(&world);
    let gate = Gate::start(gate).await;
    let _a = world.fake("room", "a", Order::Own).await;
    let mut client = gate.connect().await;
    for id in 1..=4 {
        client
            .request(id, "room.a.b", id.to_string().as_bytes())
            .await;
    }
    let fates = kept(&mut calls, 4).await;
    let mut b = world.fake("room", "b", Order::Own).await;
    for kept in fates {
        let fate = match kept.text.as_str() {
            "2" => Fate::Answered("there"),
            _ => Fate::NobodyTookIt,
        };
        kept.say(fate);
    }
    expect(&mut b, ["1", "3", "4"]).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        let answer = client.message().await;
        answers.push((answer.id, answer.text().to_owned()));
    }
    answers.sort();
    assert_eq!(answers[1], (2, "there".to_owned()));
    assert!(answers.iter().filter(|(_, text)| text == "done").count() == 3);
    gate.app.shutdown().await;
}

/// Nothing is heard of one that followed: what comes later goes on, and if nobody took that one after
/// all its client is told, instead of order being broken.
#[tokio::test(start_paused = true)]
async fn one_that_stays_silent_does_not_block_the_lane() {
    let world = World::default();
    let (gate, mut calls) = limbo(&world);
    let gate = Gate::start(gate).await;
    let _a = world.fake("room", "a", Order::Own).await;
    let mut client = gate.connect().await;
    for id in 1..=3 {
        client
            .request(id, "room.a.b", id.to_string().as_bytes())
            .await;
    }
    let mut fates = kept(&mut calls, 3).await;
    let mut b = world.fake("room", "b", Order::Own).await;
    let silent = fates.remove(1);
    fates
        .into_iter()
        .for_each(|kept| kept.say(Fate::NobodyTookIt));
    client.request(4, "room.a.b", b"4").await;
    expect(&mut b, ["1", "3", "4"]).await;
    for id in [1, 3, 4] {
        assert_eq!(client.message().await.id, id);
    }
    silent.say(Fate::NobodyTookIt);
    let answer = client.message().await;
    assert_eq!((answer.id, answer.text()), (2, UNREACHABLE));
    assert!(b.is_idle());
    gate.app.shutdown().await;
}

#[tokio::test]
async fn what_waited_for_a_server_that_takes_one_at_a_time_goes_on_in_order() {
    let world = World::default();
    let (gate, mut calls) = limbo(&world);
    let gate = Gate::start(gate).await;
    let _a = world.fake("room", "a", Order::None).await;
    let mut client = gate.connect().await;
    for id in 1..=10 {
        client
            .request(id, "room.a.b", id.to_string().as_bytes())
            .await;
    }
    let fates = kept(&mut calls, 1).await;
    assert!(
        client.call(99, "gate.none.none", b"").await.error,
        "all of them have come"
    );
    let mut b = world.fake("room", "b", Order::None).await;
    fates
        .into_iter()
        .for_each(|kept| kept.say(Fate::NobodyTookIt));
    let bodies: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
    expect(&mut b, bodies.iter().map(String::as_str)).await;
    for id in 1..=10 {
        assert_eq!(client.message().await.id, id);
    }
    assert!(calls.is_empty(), "nothing else was tried there");
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_server_that_answers_or_is_announced_anew_is_no_suspect_any_more() {
    let world = World::default();
    let (gate, mut calls) = limbo(&world);
    let gate = Gate::start(gate).await;
    let a = world.fake("room", "a", Order::Own).await;
    let _b = world.fake("room", "b", Order::Own).await;
    let directory = gate.handle().directory();
    let available = || directory.available("room").len();
    let body = Some(&Bytes::new());
    let mut call = async |fate| {
        let calling = gate.handle().rpc_to::<_, Bytes>("a", "room.a.b", body);
        let saying = async { kept(&mut calls, 1).await.remove(0).say(fate) };
        in_time(async { tokio::join!(calling, saying) }).await.0
    };
    assert_eq!(available(), 2);
    call(Fate::NobodyTookIt).await.unwrap_err();
    assert_eq!(available(), 1);
    call(Fate::Answered("")).await.unwrap();
    assert_eq!(available(), 2);
    call(Fate::NobodyTookIt).await.unwrap_err();
    assert_eq!(available(), 1);
    drop(a);
    let _a = world.fake("room", "a", Order::Own).await;
    eventually("it is announced anew", || available() == 2).await;
    gate.app.shutdown().await;
}
