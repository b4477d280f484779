//! Go servers that join, leave and crash, as Rust servers see it, and the reverse.

use interop_tests::world::{go_knows, knows};
use interop_tests::{Text, World};
use pitaya::app::config::SerializerKind;
use pitaya::message::Serializer;

fn text(value: &str) -> Vec<u8> {
    Text::bytes(value, &Serializer::Json)
}

#[tokio::test]
async fn a_go_server_joins_and_leaves() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let gate = world.frontend("gate").await;
    let mut player = world.player(&gate).await;
    assert!(player.call("room.room.echo", &text("hi")).await.error);

    let mut room = world.go_backend("room").await;
    knows(&gate, 2).await;
    let record = gate
        .handle()
        .directory()
        .by_id(&room.id)
        .expect("the Go server is known");
    assert_eq!((record.kind.as_str(), record.frontend), ("room", false));
    assert_eq!(
        player.call("room.room.echo", &text("hi")).await.body,
        text("hi")
    );

    room.shutdown().await;
    knows(&gate, 1).await;
    let answer = player.call("room.room.echo", &text("hi")).await;
    assert_eq!(
        (answer.error, answer.text()),
        (
            true,
            r#"{"code":"PIT-500","msg":"no servers available of this type"}"#
        )
    );

    // Another one takes its place.
    let _room = world.go_backend("room").await;
    knows(&gate, 2).await;
    assert_eq!(
        player.call("room.room.echo", &text("hi")).await.body,
        text("hi")
    );
    gate.shutdown().await;
}

#[tokio::test]
async fn a_go_server_that_crashes_is_gone_when_its_lease_ends() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let gate = world.frontend("gate").await;
    let mut room = world.go_server(&["-type", "room", "-ttl", "2s"]).await;
    knows(&gate, 2).await;
    let mut player = world.player(&gate).await;
    assert_eq!(
        player.call("room.room.echo", &text("hi")).await.body,
        text("hi")
    );

    // One request is under way: it gets an answer, as does what comes after it.
    let stalled = player.request("room.room.stall", b"").await;
    room.crash().await;
    let lost = player.request("room.room.echo", &text("hi")).await;
    assert_eq!(
        player.call("gate.room.hello", b"").await.text(),
        r#"{"value":"hello"}"#
    );
    knows(&gate, 1).await;
    assert!(player.answer(stalled).await.error);
    assert!(player.answer(lost).await.error);

    let _room = world.go_backend("room").await;
    knows(&gate, 2).await;
    assert_eq!(
        player.call("room.room.echo", &text("hi")).await.body,
        text("hi")
    );
    gate.shutdown().await;
}

#[tokio::test]
async fn a_rust_server_joins_and_leaves_under_the_eyes_of_a_go_frontend() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let mut gate = world.go_frontend("gate").await;
    let mut player = world.go_player(&gate).await;
    for _ in 0..2 {
        let room = world.backend("room").await;
        go_knows(&mut gate, 2).await;
        assert_eq!(
            player.call("room.room.echo", &text("hi")).await.body,
            text("hi")
        );
        room.shutdown().await;
        go_knows(&mut gate, 1).await;
        let answer = player.call("room.room.echo", &text("hi")).await;
        assert!(answer.error);
        assert!(
            answer.text().contains("no servers available of this type"),
            "{}",
            answer.text()
        );
    }
}
