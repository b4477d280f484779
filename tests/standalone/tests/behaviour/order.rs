//! Guarantee 1: what one session sends is started and finished in order, and leaves in order.

use std::sync::Arc;

use pitaya::protocol::message::MessageKind;
use pitaya::{Bytes, Context, Result, handler};
use standalone_tests::{RawClient, request};
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;

use super::support::{app, app_with, connect, in_time, stage, start};

#[tokio::test]
async fn messages_of_a_session_start_and_finish_in_arrival_order_also_when_handlers_wait() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    let mut other = connect(&app).await;
    let names = ["a", "b", "c"];
    let pipelined: Vec<u8> = (1..)
        .zip(names)
        .flat_map(|(id, name)| request(id, "stage.wait", name.as_bytes()))
        .collect();
    client.write(&pipelined).await;
    heard.expect(["start a"]).await;
    // The later ones could run at once, if only they were started.
    gates.open("c");
    gates.open("b");
    other.call(1, "stage.echo", b"").await;
    assert_eq!(heard.so_far(), [""; 0]);
    gates.open("a");
    for (id, name) in (1..).zip(names) {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id, name));
        heard
            .expect([&*format!("end {name}"), &*format!("dropped {name}")])
            .await;
        if let Some(next) = names.get(id as usize) {
            heard.expect([&*format!("start {next}")]).await;
        }
    }
    app.shutdown().await;
}

struct Pusher;

#[handler]
impl Pusher {
    async fn push(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("before", &body).await?;
        tokio::task::yield_now().await;
        ctx.session().push("after", &body).await?;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        ctx.session().push("last", &body).await?;
        Ok(body)
    }

    #[route(concurrent)]
    async fn overlapping(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        self.push(ctx, body).await
    }
}

#[tokio::test]
async fn a_push_made_inside_a_handler_precedes_its_response() {
    let app = start(app().handler(Pusher)).await;
    let mut client = connect(&app).await;
    for (id, route) in [(1, "pusher.push"), (2, "pusher.overlapping")] {
        client.request(id, route, b"x").await;
        let mut came = Vec::new();
        for _ in 0..4 {
            let message = client.message().await;
            came.push((message.kind, message.id, message.route));
        }
        let push = |route: &str| (MessageKind::Push, 0, route.to_owned());
        let response = (MessageKind::Response, id, String::new());
        assert_eq!(
            came,
            [push("before"), push("after"), push("last"), response]
        );
    }
    app.shutdown().await;
}

struct Pair(Arc<Barrier>);

#[handler]
impl Pair {
    /// Ends only when two calls run at the same time.
    #[route(concurrent)]
    async fn overlap(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        self.0.wait().await;
        Ok(body)
    }

    async fn ordered(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        self.0.wait().await;
        Ok(body)
    }
}

async fn two_calls(client: &mut RawClient, route: &str) {
    client.request(1, route, b"").await;
    client.request(2, route, b"").await;
    let mut ids = [client.message().await.id, client.message().await.id];
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn concurrent_calls_of_a_session_overlap() {
    let app = start(app().handler(Pair(Arc::new(Barrier::new(2))))).await;
    let mut client = connect(&app).await;
    two_calls(&mut client, "pair.overlap").await;
    app.shutdown().await;
}

#[tokio::test]
async fn everything_overlaps_when_sessions_are_not_ordered() {
    let unordered = app_with(|config| config.concurrency.ordered_sessions = false);
    let app = start(unordered.handler(Pair(Arc::new(Barrier::new(2))))).await;
    let mut client = connect(&app).await;
    two_calls(&mut client, "pair.ordered").await;
    app.shutdown().await;
}

#[tokio::test]
async fn concurrent_calls_are_answered_as_they_end_and_start_behind_ordered_ones() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    client.request(1, "stage.wait", b"ordered").await;
    client.request(2, "stage.overlap", b"slow").await;
    client.request(3, "stage.overlap", b"fast").await;
    heard.expect(["start ordered"]).await;
    assert_eq!(heard.so_far(), [""; 0]);
    gates.open("ordered");
    assert_eq!(client.message().await.id, 1);
    heard
        .expect(["end ordered", "dropped ordered", "start slow", "start fast"])
        .await;
    gates.open("fast");
    assert_eq!(client.message().await.id, 3);
    // An ordered call need not wait for an overlapping one.
    assert_eq!(client.call(4, "stage.echo", b"").await.id, 4);
    gates.open("slow");
    assert_eq!(client.message().await.id, 2);
    app.shutdown().await;
}

#[tokio::test]
async fn sessions_do_not_wait_for_each_other() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut slow = connect(&app).await;
    let mut quick = connect(&app).await;
    slow.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    for id in 1..100 {
        assert_eq!(quick.call(id, "stage.echo", b"hi").await.text(), "hi");
    }
    gates.open("a");
    assert_eq!(slow.message().await.text(), "a");
    app.shutdown().await;
}

struct Sometimes;

#[handler]
impl Sometimes {
    /// Some calls are ready at once, some are not.
    async fn echo(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        if body.last().is_some_and(|digit| digit % 7 == 0) {
            tokio::task::yield_now().await;
        }
        Ok(body)
    }
}

/// Numbers that look random and are the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

#[tokio::test]
async fn twenty_thousand_pipelined_requests_are_answered_in_order_however_they_are_cut() {
    const REQUESTS: u64 = 20_000;
    let app = start(app().handler(Sometimes)).await;
    let client = connect(&app).await;
    let (read, mut write) = client.socket.into_split();
    let mut client = RawClient::over(tokio::io::join(read, tokio::io::sink()));
    let writer = tokio::spawn(async move {
        let all: Vec<u8> = (1..=REQUESTS)
            .flat_map(|id| request(id, "sometimes.echo", id.to_string().as_bytes()))
            .collect();
        let (mut noise, mut rest) = (Noise(0x9e37_79b9_7f4a_7c15), &all[..]);
        while !rest.is_empty() {
            // Mostly scraps that cut headers and bodies anywhere, now and then a lot at once.
            let most = if noise.next(10) == 0 { 9000 } else { 90 };
            let (chunk, left) = rest.split_at(rest.len().min(1 + noise.next(most)));
            write.write_all(chunk).await.expect("the server reads");
            rest = left;
        }
        write
    });
    for id in 1..=REQUESTS {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id, &*id.to_string()));
    }
    let _write = in_time(writer).await.expect("everything was written");
    app.shutdown().await;
}
