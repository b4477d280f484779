//! Messages that are none, and messages that only servers send.

use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use standalone_tests::{RawClient, message_packet, request};

use crate::scene::Scene;

/// Two requests: the one behind the bytes in question shows that these got no answer.
async fn nothing_comes(client: &mut RawClient) {
    let reply = client.call(99, "entry.echo", b"next").await;
    assert_eq!(reply.text(), "next");
}

/// The rows of the client protocol's table 10.4 that close.
#[tokio::test]
async fn malformed_messages_close() {
    let mut scene = Scene::new().await;
    for message in [
        &[][..],
        // A flag alone.
        b"\x00",
        b"\x06",
        // Message types that do not exist.
        b"\x08\x00",
        b"\x0e\x00",
        // A route that runs past the end; for requests, too.
        b"\x02\x05",
        b"\x02\x05abcd",
        b"\x00\x01\x02a",
        // Half a route code.
        b"\x01\x01\x00",
        b"\x03\x00",
        // A code that is not in the dictionary.
        b"\x01\x01\x00\x09",
        b"\x03\x00\x09",
        // Compressed bodies that do not inflate: empty, no zlib, half of one, a wrong checksum.
        b"\x12\x00",
        b"\x12\x00\x01\x02\x03",
        b"\x10\x01\x0aentry.echo\x78\x9c\x2a\x49",
        b"\x10\x01\x0aentry.echo\x78\x9c\x2a\x49\x2d\x2e\x01\x04\x00\x00\xff\xff\x04\x5d\x01\xc2",
    ] {
        scene.closed_over_message(message).await;
    }
    scene.end().await;
}

/// These end the process of the original.
#[tokio::test]
async fn two_byte_messages_close() {
    let mut scene = Scene::new().await;
    for message in [b"\x00\x01", b"\x00\x80", b"\x20\x01", b"\x00\xff"] {
        scene.closed_over_message(message).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn an_id_without_an_end_closes() {
    let mut scene = Scene::new().await;
    scene.closed_over_message(b"\x00\x80\x80").await;
    scene
        .closed_over_message(&[&[0][..], &[0x80; 64]].concat())
        .await;
    scene.end().await;
}

#[tokio::test]
async fn notifies_without_a_route_are_dropped() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for message in [b"\x02\x00", b"\xc2\x00"] {
        client.send(PacketType::Data, message).await;
    }
    nothing_comes(&mut client).await;
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn the_shortest_requests_are_answered_with_errors() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for (message, id, text) in [
        (
            &b"\x00\x02\x00"[..],
            2,
            r#"{"code":"PIT-400","msg":"route field can not be empty"}"#,
        ),
        (
            b"\x00\x81\x80\x00\x01\x61",
            1,
            r#"{"code":"PIT-400","msg":"invalid route"}"#,
        ),
    ] {
        client.send(PacketType::Data, message).await;
        let reply = client.message().await;
        assert_eq!((reply.id, reply.error, reply.text()), (id, true, text));
    }
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn a_push_from_a_client_is_ignored() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for route in [
        "entry.note",
        "connector.entry.echo",
        "elsewhere.entry.echo",
        "",
        "x",
    ] {
        client
            .write(&message_packet(MessageKind::Push, 0, route, b"{}"))
            .await;
    }
    nothing_comes(&mut client).await;
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn a_response_from_a_client_is_ignored() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for id in [0, 1, 7, u64::MAX] {
        client
            .write(&message_packet(MessageKind::Response, id, "", b"{}"))
            .await;
    }
    // With the bits of errors and of route codes.
    client.send(PacketType::Data, b"\x24\x07{}").await;
    client.send(PacketType::Data, b"\x05\x07{}").await;
    nothing_comes(&mut client).await;
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn a_request_with_id_0_runs_and_is_not_answered() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    client.request(0, "entry.echo", b"ignored").await;
    client.request(0, "entry.none", b"ignored").await;
    client.request(0, "no route", b"ignored").await;
    client.request(0, "elsewhere.entry.echo", b"ignored").await;
    client.request(0, "entry.typed", b"not JSON").await;
    nothing_comes(&mut client).await;
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// A notify never gets an answer, whatever is wrong with it; and one to a method that answers runs.
#[tokio::test]
async fn notifies_are_never_answered() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for route in [
        "entry.echo",
        "entry.typed",
        "entry.none",
        "none",
        "elsewhere.entry.echo",
    ] {
        client.notify(route, b"not JSON").await;
    }
    client.notify("entry.note", b"seen").await;
    let push = client.message().await;
    assert_eq!(
        (push.kind, push.route.as_str(), push.text()),
        (MessageKind::Push, "noted", "seen")
    );
    nothing_comes(&mut client).await;
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn the_largest_id_is_answered() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    let reply = client.call(u64::MAX, "entry.echo", b"last").await;
    assert_eq!(reply.text(), "last");
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// Ids are answered in their shortest form, modulo 2^64.
#[tokio::test]
async fn over_long_ids_are_answered_in_the_shortest_form() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    let route = b"\x0aentry.echo";
    for (id, answered) in [
        (&b"\x81\x80\x00"[..], &b"\x04\x01"[..]),
        (
            b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
            b"\x04\x01",
        ),
        // 65 bits and more: what does not fit vanishes.
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ),
        (b"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x04\x05"),
    ] {
        client
            .send(PacketType::Data, &[&b"\x00"[..], id, route].concat())
            .await;
        let (kind, body) = client.packet().await.unwrap();
        assert_eq!((kind, &body[..]), (PacketType::Data, answered), "{id:02x?}");
    }
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// The two highest bits of the flag, and a client's error bit.
#[tokio::test]
async fn unused_flag_bits_are_ignored() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for bits in [0x20, 0x40, 0x80, 0xe0] {
        client
            .send(
                PacketType::Data,
                &[&[bits, 5][..], b"\x0aentry.echobody"].concat(),
            )
            .await;
        let (kind, body) = client.packet().await.unwrap();
        assert_eq!(
            (kind, &body[..]),
            (PacketType::Data, &b"\x04\x05body"[..]),
            "{bits:02x}"
        );
    }
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// One bad message ends its connection, and what was asked for before it was still served.
#[tokio::test]
async fn requests_before_a_malformed_message_are_served() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    client.request(1, "entry.echo", b"good").await;
    assert_eq!(client.message().await.text(), "good");
    let mut bytes = b"\x04\0\0\x02\x00\x01".to_vec();
    bytes.extend(request(2, "entry.echo", b"behind it"));
    client.write(&bytes).await;
    assert_eq!(client.rest().await, []);
    scene.closes(CloseReason::Protocol).await;
    scene.end().await;
}
