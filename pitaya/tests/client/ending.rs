//! How connections end: for which reason, and what happens to those who wait.

use std::time::Duration;

use futures_util::FutureExt;
use pitaya::client::{Client, DisconnectReason, Error};
use pitaya::protocol::packet::{HEARTBEAT, KICK, PacketType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::server::*;

const TEN_SECONDS: &str = r#"{"code":200,"sys":{"dict":{},"heartbeat":10,"serializer":"json"}}"#;

fn assert_ended<T: std::fmt::Debug>(outcome: Result<T, Error>, expected: DisconnectReason) {
    match outcome {
        Err(Error::Disconnected(reason)) => assert_eq!(reason, expected),
        other => panic!("not disconnected: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_kick_ends_everything_that_waits_and_everything_later() {
    let (client, mut server) = connected().await;
    let (first, second, closed, ()) = tokio::join!(
        client.request_raw("a.b", ""),
        client.request_raw("a.b", ""),
        client.closed(),
        async {
            server.message().await;
            server.message().await;
            server.write(&KICK).await;
            drop(server);
        }
    );
    assert_ended(first, DisconnectReason::Kicked);
    assert_ended(second, DisconnectReason::Kicked);
    assert_eq!(closed, DisconnectReason::Kicked);
    assert_ended(
        client.request_raw("a.b", "").await,
        DisconnectReason::Kicked,
    );
    assert_ended(client.notify_raw("a.b", "").await, DisconnectReason::Kicked);
    client.disconnect();
    assert_eq!(
        client.closed().await,
        DisconnectReason::Kicked,
        "the first reason stays"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_a_kick_in_the_same_read_still_counts() {
    let (client, mut server) = connected().await;
    let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
        let mut bytes = response(server.message().await.id, b"bought");
        bytes.extend(KICK);
        server.write(&bytes).await;
    });
    assert_eq!(answer.unwrap(), "bought");
    assert_eq!(client.closed().await, DisconnectReason::Kicked);
}

#[tokio::test(start_paused = true)]
async fn a_kick_is_seen_although_sending_fails_first() {
    let (client, mut server) = connected().await;
    server.write(&KICK).await;
    drop(server);
    // The request is sent into a closed pipe; the kick is still there to be read.
    assert_ended(
        client.request_raw("a.b", "").await,
        DisconnectReason::Kicked,
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_ends_the_requests_that_wait() {
    let (client, mut server) = connected().await;
    let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
        let request = server.message().await;
        let cut = response(request.id, b"never whole");
        server.write(cut.get(..8).unwrap()).await;
        drop(server);
    });
    assert_ended(answer, DisconnectReason::ServerClosed);
    assert_eq!(client.closed().await, DisconnectReason::ServerClosed);
    assert!(client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_bad_packet_ends_the_connection() {
    let cases: [(&[u8], &str); 3] = [
        (b"\x06\0\0\0", "wrong packet type"),
        (b"\0", "wrong packet type"),
        (
            b"\x04\x00\x04\x01",
            "packet body of 1025 bytes is larger than the limit of 1024 bytes",
        ),
    ];
    for (bytes, text) in cases {
        let builder = Client::builder().max_packet_size(1024);
        let (client, mut server) = connected_with(builder, REPLY).await;
        server.write(bytes).await;
        assert_eq!(
            client.closed().await,
            DisconnectReason::Protocol(text.to_owned())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_sends_what_was_queued_and_fails_what_waits() {
    let (client, mut server) = connected().await;
    let waiting = client.request_raw("a.b", "");
    let (outcome, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        client.notify_raw("room.leave", "bye").await.unwrap();
        client.disconnect();
    });
    assert_ended(outcome, DisconnectReason::Local);
    assert_eq!(client.closed().await, DisconnectReason::Local);
    assert_eq!(server.message().await.route, "a.b");
    assert_eq!(server.message().await.body, b"bye");
    server.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_connection_and_its_task() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let (client, mut server) = connected().await;
    let pushes = client.pushes();
    let clone = client.clone();
    drop(client);
    clone.notify_raw("a.b", "still open").await.unwrap();
    assert_eq!(server.message().await.body, b"still open");
    assert_eq!(alive(), before + 1);
    drop(clone);
    server.expect_end().await;
    drop(server);
    let mut pushes = pushes;
    assert!(soon(pushes.next()).await.is_none());
    soon(async {
        while alive() > before {
            // Paused time: passes as soon as nothing else can run.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_close_its_end_keeps_no_task_alive() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let (client, _server) = connected().await;
    let start = Instant::now();
    drop(client);
    while alive() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "the task outlives its close limit"
        );
    }
}

#[test]
fn a_runtime_that_shuts_down_ends_its_connections() {
    let paused = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
    };
    let runtime = paused().unwrap();
    let (client, server) = runtime.block_on(connected());
    drop(runtime);
    assert_eq!(
        paused().unwrap().block_on(client.closed()),
        DisconnectReason::Local
    );
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_leave_at_the_interval_of_the_server() {
    let builder = Client::builder().silence_limit(Duration::ZERO);
    let (_client, mut server) = connected_with(builder, TEN_SECONDS).await;
    let start = Instant::now();
    for n in 1..=5 {
        assert_eq!(
            server.packet().await,
            Some((PacketType::Heartbeat, Vec::new()))
        );
        assert_eq!(start.elapsed().as_secs(), 10 * n);
    }
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_interval_can_be_overridden() {
    let builder = Client::builder()
        .silence_limit(Duration::ZERO)
        .heartbeat(Duration::from_secs(3));
    let (_client, mut server) = connected_with(builder, TEN_SECONDS).await;
    let start = Instant::now();
    assert_eq!(
        server.packet().await,
        Some((PacketType::Heartbeat, Vec::new()))
    );
    assert_eq!(start.elapsed().as_secs(), 3);

    let builder = Client::builder()
        .silence_limit(Duration::ZERO)
        .heartbeat(Duration::ZERO);
    let (_client, mut server) = connected_with(builder, TEN_SECONDS).await;
    tokio::time::sleep(Duration::from_secs(2000)).await;
    assert!(server.packet().now_or_never().is_none(), "zero sends none");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_two_intervals_and_a_second() {
    let (client, server) = connected_with(Client::builder(), TEN_SECONDS).await;
    let start = Instant::now();
    let builder_default_timeout = client.request_raw("a.b", "").await;
    assert!(matches!(builder_default_timeout, Err(Error::Timeout)));
    assert_eq!(client.closed().await, DisconnectReason::HeartbeatTimeout);
    assert_eq!(start.elapsed().as_secs(), 21);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn any_packet_of_the_server_counts_as_life() {
    let (client, mut server) = connected_with(Client::builder(), TEN_SECONDS).await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        server.write(&HEARTBEAT).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        server.push("onTick", b"").await;
    }
    assert!(!client.is_closed());
    let last = Instant::now();
    assert_eq!(client.closed().await, DisconnectReason::HeartbeatTimeout);
    assert_eq!(last.elapsed().as_secs(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_no_heartbeats_may_be_silent() {
    for reply in [r#"{"code":200,"sys":{"heartbeat":0}}"#, r#"{"code":200}"#] {
        let (client, mut server) = connected_with(Client::builder(), reply).await;
        tokio::time::sleep(Duration::from_secs(2000)).await;
        assert!(!client.is_closed());
        assert!(server.packet().now_or_never().is_none(), "no heartbeats");
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_server_ends_the_connection() {
    let (client, server) = connected().await;
    let (mut read, mut write) = tokio::io::split(server.io);
    write.shutdown().await.unwrap();
    assert_eq!(client.closed().await, DisconnectReason::ServerClosed);
    let mut rest = Vec::new();
    soon(read.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
}
