//! Heartbeats and the end of silent clients, on a clock that the tests hold.

use std::time::Duration;

use pitaya::acceptor;
use pitaya::app::config::Config;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, WebSocket};
use standalone_tests::RawClient;
use standalone_tests::websocket::{BINARY, WsClient};
use tokio::time::{Instant, sleep, timeout};

use crate::app::{HEARTBEAT, builder, client, in_memory, only_session};

fn config() -> Config {
    let mut config = Config::default();
    assert_eq!(config.heartbeat.interval, HEARTBEAT);
    // The handshake's deadline is not what these tests are about.
    config.limits.handshake.timeout = 10 * HEARTBEAT;
    config
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_at_the_third_heartbeat_not_the_second() {
    let (app, connector) = in_memory(builder(config())).await;
    let start = Instant::now();
    let mut client = client(&connector).await;
    let session = only_session(&app);
    for n in 1..=2 {
        let packet = client.next_packet().await;
        assert_eq!(packet, Some((PacketType::Heartbeat, Vec::new())));
        assert_eq!(start.elapsed(), n * HEARTBEAT);
    }
    assert_eq!(client.next_packet().await, None);
    assert_eq!(start.elapsed(), 3 * HEARTBEAT);
    assert_eq!(session.close_reason(), Some(CloseReason::HeartbeatTimeout));
    app.shutdown().await;
}

/// The widest gap that a client may leave: heard just after one heartbeat, and just before the
/// second one after the next.
#[tokio::test(start_paused = true)]
async fn a_client_that_answers_late_but_in_time_is_kept() {
    let (app, connector) = in_memory(builder(config())).await;
    let start = Instant::now();
    let mut client = client(&connector).await;
    let bit = Duration::from_millis(1);
    for n in 0..10 {
        sleep(start + 2 * n * HEARTBEAT + bit - Instant::now()).await;
        client.send(PacketType::Heartbeat, b"").await;
    }
    assert_eq!(client.call(1, "play.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_sends_data_is_never_closed() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = client(&connector).await;
    for _ in 0..100 {
        sleep(2 * HEARTBEAT - Duration::from_secs(1)).await;
        client.notify("play.note", b"").await;
    }
    assert_eq!(client.call(1, "play.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
}

/// Any packet that is processed counts, also one that asks for what does not exist.
#[tokio::test(start_paused = true)]
async fn every_kind_of_packet_is_a_sign_of_life() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = client(&connector).await;
    for n in 0..20 {
        sleep(2 * HEARTBEAT - Duration::from_secs(1)).await;
        match n % 5 {
            0 => client.send(PacketType::Heartbeat, b"").await,
            1 => client.send(PacketType::HandshakeAck, b"").await,
            2 => client.send(PacketType::Kick, b"").await,
            3 => client.notify("no.such.route", b"").await,
            _ => client.request(0, "play.none", b"").await,
        }
    }
    assert_eq!(client.call(1, "play.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
}

/// A handler that takes long neither keeps the server's heartbeats back nor the client's from
/// counting.
#[tokio::test(start_paused = true)]
async fn heartbeats_go_on_while_a_handler_runs() {
    let (app, connector) = in_memory(builder(config())).await;
    let start = Instant::now();
    let mut client = client(&connector).await;
    client.request(1, "play.stay", b"").await;
    for n in 1..=20 {
        assert_eq!(
            client.next_packet().await,
            Some((PacketType::Heartbeat, Vec::new()))
        );
        assert_eq!(start.elapsed(), n * HEARTBEAT);
        client.send(PacketType::Heartbeat, b"").await;
    }
    drop(client);
    app.shutdown().await;
}

/// Heartbeats count from the moment a client was accepted, also for one that dawdles.
#[tokio::test(start_paused = true)]
async fn heartbeats_come_from_accept_time_on() {
    let (app, connector) = in_memory(builder(config())).await;
    let start = Instant::now();
    let mut client = RawClient::over(connector.connect().unwrap());
    assert_eq!(
        client.next_packet().await,
        Some((PacketType::Heartbeat, Vec::new()))
    );
    assert_eq!(start.elapsed(), HEARTBEAT);
    sleep(HEARTBEAT / 2).await;
    client.shake_hands().await;
    assert_eq!(
        client.next_packet().await,
        Some((PacketType::Heartbeat, Vec::new()))
    );
    assert_eq!(start.elapsed(), 2 * HEARTBEAT);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_clients_heartbeat_is_not_answered() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = client(&connector).await;
    for _ in 0..10 {
        client.send(PacketType::Heartbeat, b"").await;
    }
    let nothing = timeout(HEARTBEAT - Duration::from_secs(1), client.next_packet()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    app.shutdown().await;
}

async fn websocket() -> (App, WsClient<tokio::io::DuplexStream>) {
    let (connector, below) = acceptor::memory(64 * 1024);
    let app = builder(config())
        .acceptor(WebSocket::over(below))
        .start()
        .await
        .unwrap();
    let mut client = WsClient::over(connector.connect().unwrap()).await;
    client.shake_hands().await;
    (app, client)
}

/// A WebSocket's own pings are answered, but show only that its library lives.
#[tokio::test(start_paused = true)]
async fn websocket_pings_are_no_signs_of_life() {
    let (app, mut client) = websocket().await;
    let start = Instant::now();
    let mut heartbeats = 0;
    loop {
        match timeout(Duration::from_secs(1), client.frame()).await {
            Ok(Some(frame)) => heartbeats += usize::from(frame.opcode == BINARY),
            Ok(None) => break,
            Err(_) => client.send(9, b"").await,
        }
    }
    assert_eq!(heartbeats, 2);
    assert_eq!(start.elapsed(), 3 * HEARTBEAT);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn websocket_heartbeats_are_binary_messages() {
    let (app, mut client) = websocket().await;
    for _ in 0..10 {
        let frame = client.frame().await.unwrap();
        assert_eq!(
            (frame.fin, frame.opcode, &frame.payload[..]),
            (true, BINARY, &[3, 0, 0, 0][..])
        );
        client.send(BINARY, &[3, 0, 0, 0]).await;
    }
    app.shutdown().await;
}
