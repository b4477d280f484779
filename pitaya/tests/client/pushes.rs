//! Pushes: to whom they go, and in which order with answers.

use bytes::Bytes;
use futures_util::StreamExt;
use pitaya::client::{Client, DisconnectReason, Error};
use pitaya::protocol::packet::KICK;
use tokio::time::Instant;

use crate::server::*;

#[tokio::test(start_paused = true)]
async fn pushes_before_and_after_a_reply_are_there_for_who_looks_afterwards() {
    let (client, mut server) = connected().await;
    let (answer, ()) = tokio::join!(client.request_raw("room.join", ""), async {
        let request = server.message().await;
        let mut bytes = Vec::new();
        bytes.extend(a_push(route("onJoin"), b"before"));
        bytes.extend(response(request.id, b"joined"));
        bytes.extend(a_push(route("onJoin"), b"after"));
        bytes.extend(a_push(route("onMessage"), b"hello"));
        server.write(&bytes).await;
    });
    assert_eq!(answer.unwrap(), "joined");
    assert_eq!(client.next_push("onMessage").await.unwrap().body, "hello");
    assert_eq!(client.next_push("onJoin").await.unwrap().body, "before");
    assert_eq!(client.next_push("onJoin").await.unwrap().body, "after");
}

fn route(name: &str) -> pitaya::protocol::RouteRef<'_> {
    pitaya::protocol::RouteRef::Name(name.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_push_made_before_an_answer_is_there_when_the_answer_is() {
    let (client, mut server) = connected().await;
    let mut messages = client.on::<Bytes>("onMessage");
    let (answer, ()) = tokio::join!(client.request_raw("room.join", ""), async {
        let request = server.message().await;
        server.push("onMessage", b"first").await;
        server.answer(request.id, b"").await;
    });
    answer.unwrap();
    let first = futures_util::FutureExt::now_or_never(messages.next()).flatten();
    assert_eq!(first.unwrap().unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn streams_see_their_routes_in_order_and_end_with_the_connection() {
    let (client, mut server) = connected().await;
    let all = client.pushes();
    let messages = client.on::<Bytes>("onMessage");
    for (name, body) in [("onMessage", "1"), ("onJoin", "2"), ("onMessage", "3")] {
        server.push(name, body.as_bytes()).await;
    }
    server.write(&KICK).await;
    let all: Vec<_> = soon(
        all.map(|push| (push.route.to_string(), push.body))
            .collect(),
    )
    .await;
    let expected = [("onMessage", "1"), ("onJoin", "2"), ("onMessage", "3")];
    assert_eq!(
        all,
        expected.map(|(route, body)| (route.to_owned(), Bytes::from(body)))
    );
    let messages: Vec<_> = soon(messages.map(Result::unwrap).collect()).await;
    assert_eq!(messages, ["1", "3"]);
    assert_eq!(client.dropped_pushes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_loses_the_oldest_and_counts() {
    let (client, mut server) = connected_with(Client::builder().push_buffer(3), REPLY).await;
    let mut all = client.pushes();
    for n in 0..10 {
        server.push("onTick", n.to_string().as_bytes()).await;
    }
    let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
        let request = server.message().await;
        server.answer(request.id, b"").await;
    });
    answer.unwrap();
    assert_eq!((all.dropped(), client.dropped_pushes()), (7, 7));
    for n in 7..10 {
        assert_eq!(all.next().await.unwrap().body, n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn an_awaited_push_has_a_deadline_and_ends_with_the_connection() {
    let (client, mut server) = connected().await;
    let start = Instant::now();
    assert!(matches!(
        client.next_push("onNothing").await,
        Err(Error::Timeout)
    ));
    assert_eq!(start.elapsed().as_secs(), 5);
    let (push, ()) = tokio::join!(client.next_push("onNothing"), server.write(&KICK));
    assert!(matches!(
        push,
        Err(Error::Disconnected(DisconnectReason::Kicked))
    ));
}
