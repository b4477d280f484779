//! What a WebSocket client should not send, and what it may.

use pitaya::session::CloseReason;
use standalone_tests::request;
use standalone_tests::websocket::{BINARY, CONTINUATION, TEXT, WsClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scene::Scene;

#[tokio::test]
async fn two_packets_in_one_websocket_message_close() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    let batch = [
        request(1, "entry.echo", b"a"),
        request(2, "entry.echo", b"b"),
    ]
    .concat();
    client.send(BINARY, &batch).await;
    assert!(
        client
            .rest()
            .await
            .iter()
            .all(|frame| frame.opcode != BINARY)
    );
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}

#[tokio::test]
async fn websocket_messages_that_are_no_whole_packet_close() {
    let mut scene = Scene::new().await;
    for message in [
        &b""[..],
        b"\x04",
        b"\x04\0\0",
        b"\x04\0\0\x05\x00",
        b"\x07\0\0\0",
        b"\x04\0\0\0\0",
    ] {
        let mut client = scene.websocket_client().await;
        client.send(BINARY, message).await;
        assert!(
            client
                .rest()
                .await
                .iter()
                .all(|frame| frame.opcode != BINARY),
            "{message:?}"
        );
        scene
            .closes_any(&[CloseReason::Io, CloseReason::Protocol])
            .await;
        scene.nobody_noticed().await;
    }
    scene.end().await;
}

#[tokio::test]
async fn text_frames_are_accepted_and_answered_with_binary_ones() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    // No UTF-8: nobody checks.
    client
        .send(TEXT, &request(0xff, "entry.echo", b"\xff\xfe"))
        .await;
    let reply = client.frame().await.unwrap();
    assert_eq!((reply.fin, reply.opcode), (true, BINARY));
    assert_eq!(reply.payload, b"\x04\0\0\x05\x04\xff\x01\xff\xfe");
    drop(client);
    scene
        .closes_any(&[CloseReason::Disconnected, CloseReason::Io])
        .await;
    scene.end().await;
}

#[tokio::test]
async fn fragmented_messages_are_put_together() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    let packet = request(1, "entry.echo", b"in three parts");
    client.send_frame(false, BINARY, &packet[..2]).await;
    // A ping may come in between.
    client.send(9, b"ping").await;
    client.send_frame(false, CONTINUATION, &packet[2..9]).await;
    client.send_frame(true, CONTINUATION, &packet[9..]).await;
    let pong = client.frame().await.unwrap();
    assert_eq!((pong.opcode, &pong.payload[..]), (10, &b"ping"[..]));
    let reply = client.frame().await.unwrap();
    assert!(reply.payload.ends_with(b"in three parts"));
    drop(client);
    scene
        .closes_any(&[CloseReason::Disconnected, CloseReason::Io])
        .await;
    scene.end().await;
}

#[tokio::test]
async fn each_packet_out_is_one_binary_message() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    for id in 1..=50 {
        client.send(BINARY, &request(id, "entry.echo", b"x")).await;
    }
    for id in 1..=50 {
        let reply = client.frame().await.unwrap();
        assert_eq!((reply.fin, reply.opcode), (true, BINARY));
        assert_eq!(reply.payload, [4, 0, 0, 3, 4, id, b'x']);
    }
    drop(client);
    scene
        .closes_any(&[CloseReason::Disconnected, CloseReason::Io])
        .await;
    scene.end().await;
}

#[tokio::test]
async fn malformed_websocket_frames_close() {
    let mut scene = Scene::new().await;
    for frame in [
        // Not masked, a reserved bit, an unknown opcode, a control frame that is too long, one that
        // is fragmented, a continuation of nothing.
        &[0x82, 0x00][..],
        &[0xc2, 0x80, 1, 2, 3, 4],
        &[0x83, 0x80, 1, 2, 3, 4],
        &[0x89, 0xfe, 0, 126, 1, 2, 3, 4],
        &[0x09, 0x80, 1, 2, 3, 4],
        &[0x80, 0x80, 1, 2, 3, 4],
    ] {
        let mut client = scene.websocket_client().await;
        client.socket.write_all(frame).await.unwrap();
        assert!(
            client
                .rest()
                .await
                .iter()
                .all(|frame| frame.opcode != BINARY),
            "{frame:02x?}"
        );
        scene
            .closes_any(&[CloseReason::Io, CloseReason::Protocol])
            .await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_frame_too_large_for_any_packet_closes_by_its_header() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    client
        .socket
        .write_all(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
        .await
        .unwrap();
    assert!(
        client
            .rest()
            .await
            .iter()
            .all(|frame| frame.opcode != BINARY)
    );
    scene
        .closes_any(&[CloseReason::Io, CloseReason::Protocol])
        .await;
    scene.end().await;
}

#[tokio::test]
async fn a_packet_over_the_limit_closes_by_its_header() {
    let mut scene = Scene::new().await;
    let mut client = scene.websocket_client().await;
    // The frame is one that could hold a packet, the packet's own header says too much.
    client
        .socket
        .write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 4, 0, 0, 0, 0])
        .await
        .unwrap();
    client.socket.write_all(&[4, 0x20, 0, 0]).await.unwrap();
    assert!(
        client
            .rest()
            .await
            .iter()
            .all(|frame| frame.opcode != BINARY)
    );
    scene
        .closes_any(&[CloseReason::Io, CloseReason::Protocol])
        .await;
    scene.end().await;
}

/// Clients that probe a port try TLS first; what is no HTTP is not waited for.
#[tokio::test]
async fn what_is_no_http_on_the_websocket_port_is_closed_at_once() {
    let mut scene = Scene::new().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\x01\0\0\x02{}",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut socket = TcpStream::connect(scene.websocket).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read =
            tokio::time::timeout(standalone_tests::DEADLINE, socket.read_to_end(&mut answer));
        let _ = read.await.expect("the server closes");
        assert!(!answer.starts_with(b"HTTP/1.1 101"), "{answer:?}");
    }
    scene.nobody_noticed().await;
    scene.end().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_frame_harms_nobody() {
    let mut scene = Scene::new().await;
    let mut client = WsClient::connect(scene.websocket).await;
    client
        .socket
        .write_all(&[0x82, 0x90, 1, 2, 3, 4, 5])
        .await
        .unwrap();
    drop(client);
    scene
        .closes_any(&[
            CloseReason::Disconnected,
            CloseReason::Io,
            CloseReason::Protocol,
        ])
        .await;
    scene.end().await;
}
