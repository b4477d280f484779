//! How often the hot paths ask for memory: server and clients share one thread, and the allocator counts.
//!
//! Each test does the same work more and less often; only the difference counts, so that what happens once (starting,
//! growing a buffer to its usual size) does not. The clients themselves read into buffers that they have.
#![allow(missing_docs)]

use std::time::Duration;

use pitaya::app::config::{Config, Heartbeat, SerializerKind};
use pitaya::protocol::message::MessageKind;
use pitaya::{App, Context, Result, Tcp, handler, message};
use standalone_tests::{DEADLINE, RawClient, message_packet, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

#[message]
struct Terms {
    a: i64,
    b: i64,
}

#[message]
struct Sum {
    sum: i64,
}

#[message]
struct Text {
    text: String,
}

#[message]
struct Notice {
    number: i32,
}

struct Game;

#[handler]
impl Game {
    async fn add(&self, terms: Terms) -> Result<Sum> {
        Ok(Sum {
            sum: terms.a + terms.b,
        })
    }

    async fn echo(&self, text: Text) -> Result<Text> {
        Ok(text)
    }

    async fn join(&self, ctx: &Context<'_>) -> Result<Sum> {
        let uid = ctx.session().id().to_string();
        ctx.session().bind(uid.as_str()).await?;
        ctx.app().groups().add_member("all", &uid).await?;
        Ok(Sum { sum: 1 })
    }
}

/// An app on a runtime of this thread alone, on which no beat disturbs a count.
async fn app(serializer: SerializerKind) -> App {
    let config = Config {
        serializer,
        heartbeat: Heartbeat {
            interval: Duration::from_secs(600),
        },
        ..Config::for_test()
    };
    let app = App::builder("connector")
        .config(config)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Game)
        .start()
        .await
        .unwrap();
    app.handle().groups().create("all").await.unwrap();
    app
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Allocations of everything that `run` makes the server do.
fn allocations(runtime: &Runtime, run: impl Future<Output = ()>) -> u64 {
    allocation_counter::measure(|| runtime.block_on(run)).count_total
}

/// Sends `rounds` times `depth` requests and reads their answers.
async fn rounds(client: &mut RawClient, requests: &[u8], answers: &[u8], rounds: usize) {
    let mut received = [0; 4096];
    let received = &mut received[..answers.len()];
    for _ in 0..rounds {
        client.socket.write_all(requests).await.unwrap();
        timeout(DEADLINE, client.socket.read_exact(received))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(received, answers);
    }
}

/// Allocations per request of a session that has sent many.
fn per_request(serializer: SerializerKind, route: &str, body: &[u8], answer: &[u8]) -> f64 {
    const FEW: usize = 50;
    const MANY: usize = 550;
    let runtime = runtime();
    let app = runtime.block_on(app(serializer));
    let mut client = runtime.block_on(RawClient::connect(app.local_addr(0).unwrap()));
    let answer = message_packet(MessageKind::Response, 5, "", answer);
    let mut results = Vec::new();
    // One in flight, and a pipeline that ends a turn early.
    for depth in [1, 20] {
        let requests = request(5, route, body).repeat(depth);
        let answers = answer.repeat(depth);
        let mut run =
            |times| allocations(&runtime, rounds(&mut client, &requests, &answers, times));
        run(FEW);
        let (few, many) = (run(FEW), run(MANY));
        results.push((many as f64 - few as f64) / ((MANY - FEW) * depth) as f64);
    }
    runtime.block_on(app.shutdown());
    assert_eq!(results[0], results[1], "the depth makes no difference");
    results[0]
}

#[test]
fn a_protobuf_request_allocates_nothing() {
    let body = [0x08, 40, 0x10, 2];
    let allocations = per_request(SerializerKind::Protobuf, "game.add", &body, &[0x08, 42]);
    assert_eq!(allocations, 0.0);
}

#[test]
fn a_json_request_allocates_nothing() {
    let body = br#"{"a":40,"b":2}"#;
    let allocations = per_request(SerializerKind::Json, "game.add", body, br#"{"sum":42}"#);
    assert_eq!(allocations, 0.0);
}

#[test]
fn a_message_allocates_what_it_owns() {
    let body = br#"{"text":"hello"}"#;
    let allocations = per_request(SerializerKind::Json, "game.echo", body, body);
    assert_eq!(allocations, 1.0);
    let body = b"\x0a\x05hello";
    let allocations = per_request(SerializerKind::Protobuf, "game.echo", body, body);
    assert_eq!(allocations, 1.0);
}

#[test]
fn a_broadcast_allocates_nothing_for_a_member() {
    let runtime = runtime();
    let app = runtime.block_on(app(SerializerKind::Json));
    let address = app.local_addr(0).unwrap();
    let push = message_packet(MessageKind::Push, 0, "onNotice", br#"{"number":7}"#);
    let mut members = Vec::new();
    let mut counts = Vec::new();
    for size in [20, 120] {
        runtime.block_on(async {
            while members.len() < size {
                let mut member = RawClient::connect(address).await;
                member.call(1, "game.join", b"").await;
                members.push(member);
            }
        });
        let mut broadcast = || {
            allocations(&runtime, async {
                let groups = app.handle().groups();
                let notice = Notice { number: 7 };
                let delivery = groups
                    .broadcast("connector", "all", "onNotice", &notice)
                    .await;
                assert!(delivery.unwrap().unreached.is_empty());
                let mut received = [0; 64];
                let received = &mut received[..push.len()];
                for member in &mut members {
                    let read = member.socket.read_exact(received);
                    timeout(DEADLINE, read).await.unwrap().unwrap();
                    assert_eq!(received, push);
                }
            })
        };
        // The first one after a change lists the members.
        broadcast();
        counts.push(broadcast());
    }
    runtime.block_on(app.shutdown());
    assert_eq!(counts[0], counts[1], "members are free");
    assert!(counts[0] <= 8, "one broadcast: {}", counts[0]);
}
