//! Clients that let others wait, on a clock of our own.

use std::time::Duration;

use pitaya::app::config::Config;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::websocket::{CLOSE, WsClient};
use standalone_tests::{RawClient, packet_of, request};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, sleep};

use crate::scene::Scene;

const SECOND: Duration = Duration::from_secs(1);

/// The defaults: 10 s to shake hands, a heartbeat each 10 s, 10 s to take what is written.
async fn scene() -> Scene {
    Scene::with(Config::default()).await
}

async fn trickle<S: AsyncWrite + Unpin>(client: &mut S, bytes: &[u8]) -> bool {
    use tokio::io::AsyncWriteExt;
    for byte in bytes {
        if client.write_all(&[*byte]).await.is_err() {
            return false;
        }
        sleep(SECOND).await;
    }
    true
}

/// Lets time pass. The bystander would be closed for its silence, too, so it is asked often enough.
async fn wait(scene: &mut Scene, seconds: u32) {
    for _ in 0..seconds / 5 {
        sleep(5 * SECOND).await;
        scene.nobody_noticed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_closed_by_the_handshake_deadline() {
    let mut scene = scene().await;
    let start = Instant::now();
    let mut client = scene.open_memory();
    assert_eq!(client.next_packet().await, None);
    assert_eq!(start.elapsed(), 10 * SECOND);
    scene.closes(CloseReason::HandshakeTimeout).await;
    scene.end().await;
}

/// Heartbeats are no substitute for a handshake, nor is a handshake without its ack.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_acknowledges_is_closed_by_the_handshake_deadline() {
    let mut scene = scene().await;
    let start = Instant::now();
    let mut client = scene.open_memory();
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(
        client.next_packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    for _ in 0..9 {
        sleep(SECOND).await;
        client.send(PacketType::Heartbeat, b"").await;
    }
    assert_eq!(client.next_packet().await, None);
    assert_eq!(start.elapsed(), 10 * SECOND);
    scene.closes(CloseReason::HandshakeTimeout).await;
    scene.end().await;
}

/// The same with a socket: no byte ever comes.
#[tokio::test]
async fn a_half_open_connection_is_closed_by_the_handshake_deadline() {
    let mut config = crate::scene::patient();
    config.limits.handshake.timeout = Duration::from_millis(200);
    let mut scene = Scene::with(config).await;
    let mut client = scene.open().await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::HandshakeTimeout).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_is_served_when_whole_packets_come_in_time() {
    let mut scene = scene().await;
    let mut client = scene.open_memory();
    let slow = async {
        // Ten bytes: the ack is whole after nine seconds.
        let mut hello = packet_of(PacketType::Handshake, b"{}");
        hello.extend(packet_of(PacketType::HandshakeAck, b""));
        assert!(trickle(&mut client.socket, &hello).await);
        let bytes = request(1, "entry.echo", b"");
        assert!(bytes.len() < 20);
        assert!(trickle(&mut client.socket, &bytes).await);
        loop {
            let (kind, body) = client
                .next_packet()
                .await
                .expect("the client is still connected");
            match kind {
                PacketType::Data => break assert_eq!(body, b"\x04\x01"),
                PacketType::Handshake | PacketType::Heartbeat => {}
                other => panic!("{other:?}"),
            }
        }
        drop(client);
    };
    tokio::join!(slow, wait(&mut scene, 35));
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_of_a_byte_a_second_is_closed_by_the_handshake_deadline() {
    let mut scene = scene().await;
    let start = Instant::now();
    let mut client = scene.open_memory();
    let hello = packet_of(PacketType::Handshake, &[b' '; 1000]);
    assert!(!trickle(&mut client.socket, &hello).await);
    // The write that notices comes up to a second later.
    assert!((10..=11).contains(&start.elapsed().as_secs()));
    scene.closes(CloseReason::HandshakeTimeout).await;
    scene.end().await;
}

/// Bytes are no signs of life, only whole packets are.
#[tokio::test(start_paused = true)]
async fn an_endless_packet_is_closed_by_the_heartbeat() {
    let mut scene = scene().await;
    let start = Instant::now();
    let client = scene.memory_client().await;
    let (mut reader, mut writer) = tokio::io::split(client.socket);
    let write = async {
        let packet = packet_of(PacketType::Data, &[0; 1000]);
        assert!(!trickle(&mut writer, &packet).await);
        start.elapsed()
    };
    let read = async {
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
        rest
    };
    let bystand = wait(&mut scene, 40);
    let (ended, rest, ()) = tokio::join!(write, read, bystand);
    // Two heartbeats, and the end in place of the third.
    assert_eq!(rest, b"\x03\0\0\0\x03\0\0\0");
    assert!((30..=31).contains(&ended.as_secs()), "{ended:?}");
    scene.closes(CloseReason::HeartbeatTimeout).await;
    scene.end().await;
}

/// An announced body that never comes, of the largest size.
#[tokio::test(start_paused = true)]
async fn a_packet_that_stops_half_way_is_closed_by_the_heartbeat() {
    let mut scene = scene().await;
    let start = Instant::now();
    let mut client = scene.memory_client().await;
    client.write(&[4, 0x10, 0, 0]).await;
    client.write(&vec![0; 1024 * 1024 - 1]).await;
    let rest = async {
        let mut packets = Vec::new();
        while let Some((kind, _)) = client.next_packet().await {
            packets.push(kind);
        }
        packets
    };
    let (rest, ()) = tokio::join!(rest, wait(&mut scene, 30));
    assert_eq!(rest, [PacketType::Heartbeat; 2]);
    assert_eq!(start.elapsed(), 30 * SECOND);
    scene.closes(CloseReason::HeartbeatTimeout).await;
    scene.end().await;
}

/// A client that asks and never reads is closed when it has taken nothing for the time a write may
/// take, and no request is started in between.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_closed_by_the_write_deadline() {
    let mut config = crate::scene::patient();
    config.buffer.write_timeout = 10 * SECOND;
    let mut scene = Scene::with(config).await;
    let start = Instant::now();
    let mut client = scene.memory_client().await;
    let mut sent = 0_u64;
    let ask = async {
        loop {
            sent += 1;
            let asked = client.try_write(&request(sent, "entry.much", b"")).await;
            if asked.is_err() {
                break start.elapsed();
            }
        }
    };
    let (ended, ()) = tokio::join!(ask, wait(&mut scene, 15));
    assert_eq!(ended, 10 * SECOND);
    scene.closes(CloseReason::WriteTimeout).await;
    // What it asked for stays in its own pipe: little of it was even read.
    assert!(sent < 5000, "{sent}");
    scene.end().await;
}

/// Pushes to a client that never reads: the queue's bounds end it.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_closed_by_the_queues_bounds() {
    let mut config = crate::scene::patient();
    config.buffer.messages = 100;
    let mut scene = Scene::with(config).await;
    let mut client = scene.memory_client().await;
    client.request(1, "entry.echo", b"").await;
    assert_eq!(client.message().await.id, 1);
    let session = last_session(&scene);
    let message = bytes::Bytes::from(vec![0; 1024]);
    let mut pushed = 0;
    let error = loop {
        match session.push("p", &message).await {
            Ok(()) => pushed += 1,
            Err(error) => break error,
        }
        // Its task writes what the pipe takes.
        tokio::task::yield_now().await;
    };
    assert_eq!(error.code(), "PIT-499");
    // What the pipe holds, one batch on its way, and the queue.
    assert!((100..300).contains(&pushed), "{pushed}");
    scene.closes(CloseReason::Overflow).await;
    assert_eq!(session.close_reason(), Some(CloseReason::Overflow));
    scene.end().await;
}

fn last_session(scene: &Scene) -> pitaya::Session {
    let sessions = scene.app.handle().sessions().all();
    sessions
        .into_iter()
        .max_by_key(pitaya::Session::id)
        .expect("there are sessions")
}

/// The upgrade of a WebSocket has a deadline of its own.
#[tokio::test(start_paused = true)]
async fn an_upgrade_of_a_byte_a_second_is_closed_by_its_deadline() {
    let scene = scene().await;
    let start = Instant::now();
    let mut client = scene.memory_websocket.connect().unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: game.example\r\nX-Slow: yes\r\n";
    assert!(!trickle(&mut client, request).await);
    assert!((5..=6).contains(&start.elapsed().as_secs()));
    scene.end().await;
}

/// An upgraded WebSocket that says nothing more is a client that says nothing.
#[tokio::test(start_paused = true)]
async fn a_silent_websocket_is_closed_by_the_handshake_deadline() {
    let mut scene = scene().await;
    let socket = scene.memory_websocket.connect().unwrap();
    let mut client = WsClient::over(socket).await;
    let start = Instant::now();
    assert!(
        client
            .rest()
            .await
            .iter()
            .all(|frame| frame.opcode == CLOSE)
    );
    assert_eq!(start.elapsed(), 10 * SECOND);
    scene.closes(CloseReason::HandshakeTimeout).await;
    scene.end().await;
}

/// A client that reads slowly gets everything, as long as it takes something in time.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_gets_everything() {
    let mut config = crate::scene::patient();
    config.buffer.write_timeout = 10 * SECOND;
    let mut scene = Scene::with(config).await;
    let mut client = scene.memory_client().await;
    for id in 1..=20 {
        client.request(id, "entry.much", b"").await;
    }
    let mut bytes = vec![0; 20 * (4 + 2 + 8 * 1024)];
    for chunk in bytes.chunks_mut(1024) {
        sleep(5 * SECOND).await;
        client
            .socket
            .read_exact(chunk)
            .await
            .expect("the server goes on");
    }
    let mut replies = RawClient::over(std::io::Cursor::new(bytes));
    for id in 1..=20 {
        assert_eq!(replies.message().await.id, id);
    }
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}
