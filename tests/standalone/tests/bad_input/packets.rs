//! Packets that are none.

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::packet_of;
use tokio::io::AsyncWriteExt;

use crate::scene::Scene;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn unknown_packet_types_close() {
    let mut scene = Scene::new().await;
    for kind in [0, 6, 0x7f, 0xff] {
        // Before the handshake, and one byte is enough.
        let mut client = scene.open().await;
        client.write(&[kind]).await;
        assert_eq!(client.rest().await, []);
        scene.closes(CloseReason::Protocol).await;
        // Behind it.
        scene.closed_over(&[kind, 0, 0, 0]).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_tls_client_hello_on_the_tcp_port_is_closed_at_once() {
    let mut scene = Scene::new().await;
    // A record header, the handshake's header, the version: what any TLS client begins with.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for len in [1, 5, hello.len()] {
        let mut client = scene.open().await;
        client.write(&hello[..len]).await;
        assert_eq!(client.rest().await, []);
        scene.closes(CloseReason::Protocol).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn an_http_get_on_the_tcp_port_is_closed_at_once() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    client
        .write(b"GET / HTTP/1.1\r\nHost: game.example\r\n\r\n")
        .await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn a_packet_that_ends_in_its_header_or_body_closes() {
    let mut scene = Scene::new().await;
    for bytes in [&[4][..], &[4, 0, 0], &[4, 0, 0, 9, 0]] {
        let mut client = scene.client().await;
        client.write(bytes).await;
        client.socket.shutdown().await.unwrap();
        assert_eq!(client.rest().await, []);
        scene.closes(CloseReason::Disconnected).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn an_oversized_packet_is_closed_by_its_header() {
    let mut scene = Scene::new().await;
    for header in [
        [1, 0xff, 0xff, 0xff],
        [3, 0xff, 0xff, 0xff],
        [4, 0xff, 0xff, 0xff],
    ] {
        // 16 MiB are announced, and none of them has to come.
        let mut client = scene.open().await;
        client.write(&header).await;
        assert_eq!(client.rest().await, []);
        scene.closes(CloseReason::Protocol).await;
        scene.closed_over(&header).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn the_packet_limits_are_exact() {
    let mut scene = Scene::new().await;
    let head = b"\x00\x01\x0aentry.echo";
    let mut client = scene.client().await;
    let body = vec![b'x'; MIB - head.len()];
    client
        .send(PacketType::Data, &[head, &body[..]].concat())
        .await;
    let reply = client.message().await;
    assert_eq!((reply.id, reply.body.len()), (1, body.len()));
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    // One byte more: closed by the header, so the body cannot be written.
    let over = u32::try_from(MIB + 1).unwrap().to_be_bytes();
    scene.closed_over(&[4, over[1], over[2], over[3]]).await;

    // Before the handshake is done there is less room.
    for (len, accepted) in [(16 * 1024, true), (16 * 1024 + 1, false)] {
        let mut hello = br#"{"user":{"token":""#.to_vec();
        hello.resize(len - 3, b't');
        hello.extend(br#""}}"#);
        let packet = packet_of(PacketType::Handshake, &hello);
        let mut client = scene.open().await;
        if accepted {
            client.write(&packet).await;
            assert_eq!(
                client.packet().await.map(|(kind, _)| kind),
                Some(PacketType::Handshake)
            );
            drop(client);
            scene.closes(CloseReason::Disconnected).await;
        } else {
            client.write(&packet[..4]).await;
            assert_eq!(client.rest().await, []);
            scene.closes(CloseReason::Protocol).await;
        }
    }
    scene.end().await;
}

#[tokio::test]
async fn bodies_of_acks_heartbeats_and_kicks_are_ignored() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for kind in [
        PacketType::HandshakeAck,
        PacketType::Heartbeat,
        PacketType::Kick,
    ] {
        client.send(kind, b"{}").await;
        client.send(kind, b"").await;
    }
    assert_eq!(
        client.call(1, "entry.echo", b"still here").await.text(),
        "still here"
    );
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}
