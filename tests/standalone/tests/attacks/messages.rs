//! Messages that are none, or that lead nowhere.

use pitaya::protocol::MessageKind;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{message_packet, packet_of, request};

use crate::world::World;

/// No code of the dictionary, which is empty here, and the largest there can be.
pub(crate) async fn codes(world: &World) {
    for message in [
        &b"\x01\x01\x00\x01{}"[..],
        b"\x01\x01\xff\xff{}",
        b"\x03\x00\x01{}",
        b"\x03\xff\xff{}",
    ] {
        let mut client = world.client().await;
        client.send(PacketType::Data, message).await;
        assert_eq!(client.rest().await, [], "{message:?}");
    }
}

/// Each request has its answer: who gives them one id cannot tell them apart, and nobody else minds.
pub(crate) async fn ids(world: &World) {
    let mut client = world.client().await;
    for body in [b"a", b"b", b"c"] {
        client.request(7, "game.hold", body).await;
    }
    client.request(7, "game.echo", b"d").await;
    assert_eq!(client.message().await.text(), "d");
    world.gate.add_permits(3);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.error), (7, false));
        answers.push(answer.body);
    }
    answers.sort();
    assert_eq!(answers.concat(), b"abc");
}

/// An id without end, a route longer than the message, no type, a message of one byte, none at all.
pub(crate) async fn malformed(world: &World) {
    for message in [
        &b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..],
        b"\x00\x01\xffgame",
        b"\x0e\x01\x09game.echo",
        b"\x00",
        b"",
    ] {
        let mut client = world.client().await;
        client.send(PacketType::Data, message).await;
        assert_eq!(client.rest().await, [], "{message:?}");
    }
}

pub(crate) async fn servers_only(world: &World) {
    let mut client = world.client().await;
    let both = [
        message_packet(MessageKind::Push, 0, "game.note", b"{}"),
        message_packet(MessageKind::Response, 1, "", b"{}"),
    ];
    client.write(&both.concat().repeat(1000)).await;
    // A kick is the server's, too, and means nothing from here.
    client
        .write(&packet_of(PacketType::Kick, b"").repeat(1000))
        .await;
    let answer = client.call(1, "game.echo", b"still here").await;
    assert_eq!(answer.text(), "still here");
}

/// Every one is answered, and none makes a time series.
pub(crate) async fn routes(world: &World) {
    let mut client = world.client().await;
    // The first one makes that of its error.
    client.call(1, "game.none", b"").await;
    let known = world.book.keys().len();
    for n in 2..=1000 {
        client
            .write(&request(n, &format!("game.none{n:04}"), b""))
            .await;
        let answer = client.message().await;
        assert!(
            answer.error && answer.text().contains("PIT-404"),
            "{answer:?}"
        );
    }
    assert_eq!(world.book.keys().len(), known);
}
