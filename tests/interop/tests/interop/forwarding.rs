//! What a client sends travels through a frontend of one language to a backend of the other, and back.

use interop_tests::world::{go_knows, knows};
use interop_tests::{Answer, ErrorBody, Player, Text, World};
use pitaya::app::config::SerializerKind;
use pitaya::client::Client;
use pitaya::message::Serializer;
use pitaya::prelude::*;

/// A player in a conversation: texts in, texts out.
struct Talk {
    player: Player,
    serializer: Serializer,
}

impl Talk {
    fn bytes(&self, value: &str) -> Vec<u8> {
        Text::bytes(value, &self.serializer)
    }

    async fn call(&mut self, route: &str, value: &str) -> Answer {
        let body = self.bytes(value);
        self.player.call(route, &body).await
    }

    async fn ask(&mut self, route: &str, value: &str) -> String {
        let answer = self.call(route, value).await;
        assert!(
            !answer.error,
            "{route}: {}",
            String::from_utf8_lossy(&answer.body)
        );
        Text::read(&answer.body, &self.serializer)
    }

    async fn fail(&mut self, route: &str, value: &str) -> (String, String, Vec<(String, String)>) {
        let answer = self.call(route, value).await;
        assert!(answer.error, "{route} was answered");
        let error: ErrorBody = Body::decode(&self.serializer, &answer.body).expect("an error body");
        (error.code, error.msg, error.metadata.into_iter().collect())
    }

    async fn pushed(&mut self, route: &str) -> String {
        Text::read(&self.player.push(route).await, &self.serializer)
    }
}

/// Through a frontend of type `gate` to a backend of type `room`, whoever they are.
async fn conversation(player: Player, serializer: SerializerKind) {
    let serializer = match serializer {
        SerializerKind::Json => Serializer::Json,
        SerializerKind::Protobuf => Serializer::Protobuf,
    };
    let mut talk = Talk { player, serializer };

    assert_eq!(talk.ask("room.room.echo", "hi").await, "hi");
    let answer = talk.player.call("room.room.hello", b"").await;
    assert_eq!(Text::read(&answer.body, &talk.serializer), "hello");
    let answer = talk.player.call("room.room.raw", b"\x00\x01\xff").await;
    assert_eq!(
        (answer.error, answer.body.as_slice()),
        (false, &b"\x00\x01\xff"[..])
    );

    let metadata = vec![("room".to_owned(), "r1".to_owned())];
    let expected = ("GAME-1".to_owned(), "full".to_owned(), metadata);
    assert_eq!(talk.fail("room.room.fail", "full").await, expected);
    let (code, text, _) = talk.fail("room.room.plain", "").await;
    assert_eq!((code.as_str(), text.as_str()), ("PIT-000", "plain"));
    let (code, text, _) = talk.fail("room.room.none", "").await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("PIT-404", "pitaya/handler: room.room.none not found")
    );
    let (code, text, _) = talk.fail("shop.shop.buy", "").await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("PIT-500", "no servers available of this type")
    );

    // Who has no name cannot be pushed to from afar.
    let (code, text, _) = talk.fail("room.room.push", "said").await;
    let expected = "you have to bind an UID to the session to do that";
    assert_eq!((code.as_str(), text.as_str()), ("PIT-000", expected));
    let (_, text, _) = talk.fail("room.room.bind", "").await;
    assert_eq!(text, "illegal uid");

    // The backend binds the frontend's session, once.
    assert_eq!(talk.ask("room.room.bind", "ann").await, "ann");
    assert_eq!(talk.ask("gate.room.uid", "").await, "ann");
    assert_eq!(talk.ask("room.room.uid", "").await, "ann");
    let (code, text, _) = talk.fail("room.room.bind", "bob").await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("PIT-000", "session is already bound to an uid")
    );

    // It pushes, in an answer's time and in a notify's.
    assert_eq!(talk.ask("room.room.push", "said").await, "said");
    assert_eq!(talk.pushed("onSaid").await, "said");
    let body = talk.bytes("noted");
    talk.player.notify("room.room.note", &body).await;
    assert_eq!(talk.pushed("onNote").await, "noted");

    // The session's data travel there and back.
    talk.ask("gate.room.set", "seat=7").await;
    assert_eq!(talk.ask("room.room.get", "seat").await, "7");
    talk.ask("room.room.set", "row=3").await;
    assert_eq!(talk.ask("gate.room.get", "row").await, "3");
    assert_eq!(talk.ask("gate.room.get", "seat").await, "7");
    assert_eq!(talk.ask("room.room.get", "row").await, "3");

    // Many at once, each to its own asker.
    let mut ids = Vec::new();
    for number in 0..100 {
        let body = talk.bytes(&number.to_string());
        ids.push((talk.player.request("room.room.echo", &body).await, body));
    }
    for (id, body) in ids {
        assert_eq!(talk.player.answer(id).await.body, body);
    }

    talk.player.request("room.room.kick", b"").await;
    talk.player.disconnected().await;
}

async fn rust_to_go(serializer: SerializerKind) {
    let Some(world) = World::start(serializer).await else {
        return;
    };
    let mut room = world.go_backend("room").await;
    let gate = world.frontend("gate").await;
    knows(&gate, 2).await;
    go_knows(&mut room, 2).await;
    conversation(world.player(&gate).await, serializer).await;
    gate.shutdown().await;
}

async fn go_to_rust(serializer: SerializerKind) {
    let Some(world) = World::start(serializer).await else {
        return;
    };
    let room = world.backend("room").await;
    let mut gate = world.go_frontend("gate").await;
    knows(&room, 2).await;
    go_knows(&mut gate, 2).await;
    conversation(world.go_player(&gate).await, serializer).await;
    room.shutdown().await;
}

#[tokio::test]
async fn from_a_rust_frontend_to_a_go_backend_in_json() {
    rust_to_go(SerializerKind::Json).await;
}

#[tokio::test]
async fn from_a_rust_frontend_to_a_go_backend_in_protobuf() {
    rust_to_go(SerializerKind::Protobuf).await;
}

#[tokio::test]
async fn from_a_go_frontend_to_a_rust_backend_in_json() {
    go_to_rust(SerializerKind::Json).await;
}

#[tokio::test]
async fn from_a_go_frontend_to_a_rust_backend_in_protobuf() {
    go_to_rust(SerializerKind::Protobuf).await;
}

/// What a backend pushes right after a bind arrives: the frontend has subscribed before it answered.
#[tokio::test]
async fn a_push_right_after_a_bind_arrives() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let mut room = world.go_backend("room").await;
    let gate = world.frontend("gate").await;
    knows(&gate, 2).await;
    go_knows(&mut room, 2).await;
    let address = gate.local_addr(0).expect("a frontend has an address");
    for number in 0..50 {
        let client = Client::connect(address).await.expect("the client connects");
        let name = Text::new(format!("user{number}"));
        let answer: Text = client
            .request("room.room.welcome", &name)
            .await
            .expect("an answer");
        let push = client
            .next_push("onWelcome")
            .await
            .expect("the push arrives");
        assert_eq!(
            (&answer, push.decode::<Text>().ok()),
            (&name, Some(name.clone()))
        );
    }
    gate.shutdown().await;
}

/// A Go frontend waits for an answer even to a notify. With one worker, a single one that got none would hold up all
/// that follows for longer than the player waits.
#[tokio::test]
async fn notifies_are_acknowledged_to_a_go_frontend() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let room = world.backend("room").await;
    let flags = [
        "-type",
        "gate",
        "-frontend",
        "-dispatch",
        "1",
        "-timeout",
        "20s",
    ];
    let mut gate = world.go_server(&flags).await;
    knows(&room, 2).await;
    go_knows(&mut gate, 2).await;
    let mut player = world.go_player(&gate).await;
    for route in [
        "room.room.note",
        "room.room.echo",
        "room.room.fail",
        "room.room.none",
    ] {
        player.notify(route, br#"{"value":"noted"}"#).await;
    }
    let answer = player.call("room.room.hello", b"").await;
    assert_eq!(
        (answer.error, answer.text()),
        (false, r#"{"value":"hello"}"#)
    );
    room.shutdown().await;
}

/// A handler on the backend calls a remote of a third server while its client waits.
#[tokio::test]
async fn a_handler_calls_on_across_languages() {
    let Some(world) = World::start(SerializerKind::Json).await else {
        return;
    };
    let gate = world.frontend("gate").await;
    let mut go = world.go_backend("goroom").await;
    let room = world.backend("room").await;
    for app in [&gate, &room] {
        knows(app, 3).await;
    }
    go_knows(&mut go, 3).await;
    let mut talk = Talk {
        player: world.player(&gate).await,
        serializer: Serializer::Json,
    };
    assert_eq!(talk.ask("goroom.room.ask", "room.desk.echo,hi").await, "hi");
    assert_eq!(talk.ask("room.room.ask", "goroom.desk.echo,hi").await, "hi");
    // And the third one's error reaches the client whole.
    let metadata = vec![("room".to_owned(), "r1".to_owned())];
    let expected = ("GAME-1".to_owned(), "full".to_owned(), metadata);
    assert_eq!(
        talk.fail("goroom.room.ask", "room.desk.fail,full").await,
        expected
    );
    assert_eq!(
        talk.fail("room.room.ask", "goroom.desk.fail,full").await,
        expected
    );
    gate.shutdown().await;
    room.shutdown().await;
}
