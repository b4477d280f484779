//! Packets at the wrong time.

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::{packet_of, request};

use crate::scene::Scene;

#[tokio::test]
async fn data_before_the_handshake_closes_without_an_answer() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    client.request(1, "entry.echo", b"early").await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn data_before_the_ack_closes_without_an_answer() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(
        client.packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    client.request(1, "entry.echo", b"early").await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn an_ack_before_the_handshake_closes() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    client.send(PacketType::HandshakeAck, b"").await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn a_repeated_handshake_needs_an_ack_before_more_data() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(
        client.packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    client.request(1, "entry.echo", b"early").await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn a_bad_repeated_handshake_gets_400_and_the_end() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    client.send(PacketType::Handshake, b"[]").await;
    let rest = client.rest().await;
    let [(PacketType::Handshake, body)] = &rest[..] else {
        panic!("{rest:?}")
    };
    assert!(body.starts_with(br#"{"code":400,"#));
    scene.closes(CloseReason::HandshakeRefused).await;
    scene.end().await;
}

#[tokio::test]
async fn heartbeats_and_kicks_before_the_handshake_are_ignored() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    client.send(PacketType::Heartbeat, b"").await;
    client.send(PacketType::Kick, b"").await;
    client.shake_hands().await;
    assert_eq!(client.call(1, "entry.echo", b"fine").await.text(), "fine");
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// What comes behind the packet that closes is not looked at.
#[tokio::test]
async fn nothing_behind_a_packet_out_of_order_is_served() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    let mut bytes = request(1, "entry.note", b"early");
    bytes.extend(packet_of(PacketType::Handshake, b"{}"));
    bytes.extend(packet_of(PacketType::HandshakeAck, b""));
    bytes.extend(request(2, "entry.echo", b"late"));
    client.write(&bytes).await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

/// How packets were cut into writes makes no difference: what came before the bad one is answered.
#[tokio::test]
async fn what_came_before_a_bad_packet_in_the_same_write_is_answered() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    let mut bytes = packet_of(PacketType::Handshake, b"{}");
    bytes.extend(request(1, "entry.echo", b"early"));
    client.write(&bytes).await;
    let kinds: Vec<_> = client
        .rest()
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, [PacketType::Handshake]);
    scene.closes(CloseReason::Protocol).await;

    let mut client = scene.client().await;
    let mut bytes = request(1, "entry.echo", b"good");
    bytes.extend(b"\x04\0\0\x02\x00\x01");
    client.write(&bytes).await;
    assert_eq!(client.message().await.text(), "good");
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

/// The same when the message in front of it is being served and takes its time.
#[tokio::test]
async fn a_bad_packet_behind_a_handler_that_waits_closes_at_once() {
    let mut scene = Scene::new().await;
    for same_write in [true, false] {
        let mut client = scene.memory_client().await;
        let mut bytes = request(1, "entry.stay", b"");
        if !same_write {
            client.write(&std::mem::take(&mut bytes)).await;
            tokio::task::yield_now().await;
        }
        bytes.extend(b"\x09");
        client.write(&bytes).await;
        assert_eq!(client.rest().await, []);
        scene.closes(CloseReason::Protocol).await;
    }
    scene.end().await;
}
