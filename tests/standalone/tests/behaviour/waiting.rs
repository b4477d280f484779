//! What goes on while a handler waits.

use std::time::Duration;

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::{RawClient, request};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, advance, timeout};

use super::support::{
    app, app_with, connect, connect_in_memory, newest_session, stage, start, start_in_memory,
};

const BEAT: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn heartbeats_of_the_client_count_while_its_handler_waits() {
    let (stage, gates, mut heard) = stage();
    let app = app_with(|config| config.heartbeat.interval = BEAT).handler(stage);
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    for _ in 0..20 {
        client.send(PacketType::Heartbeat, b"").await;
        tokio::time::sleep(BEAT).await;
    }
    gates.open("a");
    assert_eq!(client.message().await.text(), "a");
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_although_its_handler_waits() {
    let (stage, _gates, mut heard) = stage();
    let app = app_with(|config| config.heartbeat.interval = BEAT).handler(stage);
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut client = connect_in_memory(&connector).await;
    let session = newest_session(&app);
    client.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    let silent_since = Instant::now();
    session.closed().await;
    assert_eq!(session.close_reason(), Some(CloseReason::HeartbeatTimeout));
    let silent = silent_since.elapsed();
    assert!(silent > 2 * BEAT && silent <= 3 * BEAT, "{silent:?}");
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn heartbeats_to_the_client_leave_while_its_handler_waits() {
    let (stage, gates, _heard) = stage();
    let app = app_with(|config| config.heartbeat.interval = BEAT).handler(stage);
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.wait", b"a").await;
    for _ in 0..10 {
        assert_eq!(
            client.packet().await,
            Some((PacketType::Heartbeat, Vec::new()))
        );
        client.send(PacketType::Heartbeat, b"").await;
    }
    gates.open("a");
    assert_eq!(client.message().await.text(), "a");
    app.shutdown().await;
}

#[tokio::test]
async fn pushes_leave_while_a_handler_waits() {
    let (stage, gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    client.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    let session = newest_session(&app);
    for route in ["one", "two"] {
        session.push(route, &pitaya::Bytes::new()).await.unwrap();
        assert_eq!(client.message().await.route, route);
    }
    gates.open("a");
    assert_eq!(client.message().await.id, 1);
    app.shutdown().await;
}

#[tokio::test]
async fn a_waiting_handler_is_told_that_its_client_has_left() {
    let (stage, _gates, mut heard) = stage();
    let app = start(app().handler(stage)).await;
    let mut client = connect(&app).await;
    client.request(1, "stage.watch", b"").await;
    heard.expect(["watching"]).await;
    drop(client);
    heard.expect(["left"]).await;
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_of_a_waiting_handler_is_bounded() {
    const AHEAD: usize = 4096;
    const PIPE: usize = 1024;
    let (stage, gates, mut heard) = stage();
    let app = app_with(|config| {
        config.limits.read_ahead = AHEAD;
        // The clock jumps below; this test is not about heartbeats.
        config.heartbeat.interval = Duration::from_secs(3600);
    });
    let (app, connector) = start_in_memory(app.handler(stage), PIPE).await;
    let client = connect_in_memory(&connector).await;
    let (read, mut write) = tokio::io::split(client.socket);
    let mut client = RawClient::over(tokio::io::join(read, tokio::io::sink()));
    write
        .write_all(&request(1, "stage.wait", b"a"))
        .await
        .unwrap();
    heard.expect(["start a"]).await;

    let echo = |id| request(id, "stage.echo", &[b'x'; 200]);
    let (mut id, mut taken) = (1, 0);
    let mut cut = Vec::new();
    while cut.is_empty() {
        id += 1;
        let packet = echo(id);
        let mut written = 0;
        while written < packet.len() {
            // The clock is paused: this passes at once when nothing else moves any more.
            let rest = &packet[written..];
            match timeout(BEAT, write.write(rest)).await {
                Ok(n) => written += n.expect("the server lives"),
                Err(_) => break,
            }
        }
        taken += written;
        cut = packet[written..].to_vec();
        assert!(taken < 1024 * 1024, "everything is read ahead");
    }
    // One read may go beyond the bound, by less than what a read asks for.
    assert!(
        (AHEAD..AHEAD + PIPE + 16 * 1024).contains(&taken),
        "{taken}"
    );

    gates.open("a");
    let writer = tokio::spawn(async move {
        write.write_all(&cut).await.expect("the server reads on");
        write
    });
    for expected in 1..=id {
        assert_eq!(client.message().await.id, expected);
    }
    let _write = writer.await.unwrap();
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn our_own_pause_in_reading_is_not_the_clients_silence() {
    let (stage, gates, mut heard) = stage();
    let app = app_with(|config| {
        config.limits.read_ahead = 1024;
        config.heartbeat.interval = BEAT;
    });
    let (app, connector) = start_in_memory(app.handler(stage), 64 * 1024).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    client.request(2, "stage.echo", &[b'x'; 32 * 1024]).await;
    // Nobody reads its heartbeats now, so nobody may miss them.
    for _ in 0..10 {
        advance(BEAT).await;
    }
    gates.open("a");
    assert_eq!(client.message().await.id, 1);
    assert_eq!(client.message().await.id, 2);
    app.shutdown().await;
}
