//! Users at frontends of one language, reached by servers of the other: pushes, kicks, groups, unique sessions.

use interop_tests::world::{go_knows, knows};
use interop_tests::{Player, Text, World};
use pitaya::Caller as _;
use pitaya::app::config::SerializerKind;
use pitaya::message::Serializer;
use serde_json::json;

fn text(value: &str) -> Vec<u8> {
    Text::bytes(value, &Serializer::Json)
}

async fn bound(mut player: Player, uid: &str) -> Player {
    let answer = player.call("gate.room.bind", &text(uid)).await;
    assert!(!answer.error, "{}", answer.text());
    player
}

async fn pushed(player: &mut Player, route: &str) -> String {
    Text::read(&player.push(route).await, &Serializer::Json)
}

#[tokio::test]
async fn a_go_server_pushes_to_and_kicks_users_at_a_rust_frontend() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let mut go = world.go_backend("room").await;
    let gate = world.frontend("gate").await;
    go_knows(&mut go, 2).await;
    let mut ann = bound(world.player(&gate).await, "ann").await;
    let mut bob = bound(world.player(&gate).await, "bob").await;
    let push = json!({"op": "push", "route": "onNews", "value": "news", "uids": ["ann", "bob"], "frontend": "gate"});
    go.command(push).await.unwrap();
    assert_eq!(pushed(&mut ann, "onNews").await, "news");
    assert_eq!(pushed(&mut bob, "onNews").await, "news");
    go.command(json!({"op": "kick", "uids": ["ann"], "frontend": "gate"}))
        .await
        .unwrap();
    ann.disconnected().await;
    assert_eq!(
        Text::read(
            &bob.call("gate.room.uid", b"").await.body,
            &Serializer::Json
        ),
        "bob"
    );
    gate.shutdown().await;
}

#[tokio::test]
async fn a_rust_server_pushes_to_and_kicks_users_at_a_go_frontend() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let room = world.backend("room").await;
    let mut gate = world.go_frontend("gate").await;
    knows(&room, 2).await;
    go_knows(&mut gate, 2).await;
    let mut ann = bound(world.go_player(&gate).await, "ann").await;
    let mut bob = bound(world.go_player(&gate).await, "bob").await;
    // A Go server answers a bind before the bus knows of its subscriptions. What it answers to other servers goes
    // behind them on the same connection.
    let missing = room
        .handle()
        .rpc::<Vec<u8>, Vec<u8>>("gate.nothing.here", None);
    assert_eq!(missing.await.unwrap_err().code(), "PIT-404");
    let told = room
        .handle()
        .push_to_users("gate", ["ann", "bob"], "onNews", &Text::new("news"))
        .await
        .unwrap();
    assert!(told.unreached.is_empty(), "{told:?}");
    assert_eq!(pushed(&mut ann, "onNews").await, "news");
    assert_eq!(pushed(&mut bob, "onNews").await, "news");
    // To a Go frontend a push that replaces another one is a push.
    for n in ["1", "2"] {
        let (both, number) = (["ann", "bob"], Text::new(n));
        let told = room
            .handle()
            .push_latest_to_users("gate", both, "number", "onNumber", &number);
        let told = told.await.unwrap();
        assert!(told.unreached.is_empty(), "{told:?}");
    }
    for player in [&mut ann, &mut bob] {
        for n in ["1", "2"] {
            assert_eq!(pushed(player, "onNumber").await, n);
        }
    }
    let kicked = room.handle().kick_users("gate", ["ann"]).await.unwrap();
    assert!(kicked.unreached.is_empty(), "{kicked:?}");
    ann.disconnected().await;
    assert_eq!(
        Text::read(
            &bob.call("gate.room.uid", b"").await.body,
            &Serializer::Json
        ),
        "bob"
    );
    room.shutdown().await;
}

/// Everybody enters the hall at the backend; what one says there, all are told.
async fn in_one_hall(mut players: Vec<Player>) {
    for player in &mut players {
        let answer = player.call("room.room.join", &text("hall")).await;
        assert!(!answer.error, "{}", answer.text());
    }
    let answer = players[0]
        .call("room.room.tell", &text("gate,hall,welcome"))
        .await;
    assert!(!answer.error, "{}", answer.text());
    for player in &mut players {
        assert_eq!(pushed(player, "onTold").await, "welcome");
    }
}

#[tokio::test]
async fn a_go_group_reaches_users_at_a_rust_frontend() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let mut go = world.go_backend("room").await;
    let gate = world.frontend("gate").await;
    knows(&gate, 2).await;
    go_knows(&mut go, 2).await;
    let ann = bound(world.player(&gate).await, "ann").await;
    let bob = bound(world.player(&gate).await, "bob").await;
    in_one_hall(vec![ann, bob]).await;
    gate.shutdown().await;
}

#[tokio::test]
async fn a_rust_group_reaches_users_at_go_and_rust_frontends() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let room = world.backend("room").await;
    let gate = world.frontend("gate").await;
    let mut go = world.go_frontend("gate").await;
    knows(&room, 3).await;
    knows(&gate, 3).await;
    go_knows(&mut go, 3).await;
    let ann = bound(world.go_player(&go).await, "ann").await;
    let bob = bound(world.player(&gate).await, "bob").await;
    let cid = bound(world.go_player(&go).await, "cid").await;
    in_one_hall(vec![ann, bob, cid]).await;
    gate.shutdown().await;
    room.shutdown().await;
}

/// The later of two sessions of one user stays, wherever it is.
#[tokio::test]
async fn a_user_has_one_session_across_languages() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let gate = world.frontend("gate").await;
    let mut go = world.go_frontend("gate").await;
    knows(&gate, 2).await;
    go_knows(&mut go, 2).await;
    let mut here = bound(world.player(&gate).await, "ann").await;
    let mut there = bound(world.go_player(&go).await, "ann").await;
    here.disconnected().await;
    let mut again = bound(world.player(&gate).await, "ann").await;
    there.disconnected().await;
    assert_eq!(
        Text::read(
            &again.call("gate.room.uid", b"").await.body,
            &Serializer::Json
        ),
        "ann"
    );
    // A user of another name is nobody's business.
    let mut bob = bound(world.go_player(&go).await, "bob").await;
    assert_eq!(
        Text::read(
            &again.call("gate.room.uid", b"").await.body,
            &Serializer::Json
        ),
        "ann"
    );
    assert_eq!(
        Text::read(
            &bob.call("gate.room.uid", b"").await.body,
            &Serializer::Json
        ),
        "bob"
    );
    gate.shutdown().await;
}
