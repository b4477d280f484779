//! A Go client at a Rust frontend that stands alone.

use std::net::SocketAddr;
use std::time::Duration;

use interop_tests::{ErrorBody, Go, Player, Room, Text};
use pitaya::app::AppBuilder;
use pitaya::app::config::SerializerKind;
use pitaya::message::Serializer;
use pitaya::prelude::*;
use pitaya::protocol::Dictionary;
use pitaya::protocol::handshake;
use pitaya::session::CloseReason;
use pitaya::tls::{Pem, ServerTls};
use serde_json::json;

fn builder(config: Config) -> AppBuilder {
    App::builder("gate")
        .config(config)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .handler(Room)
}

async fn start(builder: AppBuilder) -> (App, SocketAddr) {
    let app = builder.start().await.expect("the app starts");
    let address = app.local_addr(0).expect("TCP has an address");
    (app, address)
}

fn speaking(serializer: SerializerKind) -> Config {
    Config {
        serializer,
        ..Config::for_test()
    }
}

/// Everything that a player does, in one serializer.
async fn conversation(app: &App, mut player: Player) {
    let serializer = app.handle().serializer().clone();
    let text = |value: &str| Text::bytes(value, &serializer);

    let answer = player.call("gate.room.echo", &text("hi")).await;
    assert_eq!(
        (answer.error, Text::read(&answer.body, &serializer)),
        (false, "hi".to_owned())
    );
    // Without the server's own type, and without an argument.
    let answer = player.call("room.hello", b"").await;
    assert_eq!(
        (answer.error, Text::read(&answer.body, &serializer)),
        (false, "hello".to_owned())
    );
    let answer = player.call("gate.room.raw", b"\x00\x01\xff").await;
    assert_eq!(
        (answer.error, answer.body.as_slice()),
        (false, &b"\x00\x01\xff"[..])
    );

    let answer = player.call("gate.room.fail", &text("full")).await;
    assert!(answer.error);
    let error: ErrorBody = Body::decode(&serializer, &answer.body).expect("an error body");
    assert_eq!(
        (error.code.as_str(), error.msg.as_str()),
        ("GAME-1", "full")
    );
    assert_eq!(error.metadata.get("room").map(String::as_str), Some("r1"));
    let answer = player.call("gate.room.none", b"").await;
    let error: ErrorBody = Body::decode(&serializer, &answer.body).expect("an error body");
    assert_eq!((answer.error, error.code.as_str()), (true, "PIT-404"));

    player.notify("gate.room.note", &text("noted")).await;
    assert_eq!(
        Text::read(&player.push("onNote").await, &serializer),
        "noted"
    );
    let answer = player.call("gate.room.push", &text("said")).await;
    assert_eq!(Text::read(&answer.body, &serializer), "said");
    assert_eq!(
        Text::read(&player.push("onSaid").await, &serializer),
        "said"
    );

    player.call("gate.room.bind", &text("ann")).await;
    player.call("gate.room.set", &text("seat=7")).await;
    let answer = player.call("gate.room.get", &text("seat")).await;
    assert_eq!(Text::read(&answer.body, &serializer), "7");
    let session = app.handle().sessions().by_uid("ann").expect("ann is here");
    player.request("gate.room.kick", b"").await;
    player.disconnected().await;
    session.closed().await;
    assert_eq!(session.close_reason(), Some(CloseReason::Kicked));
}

#[tokio::test]
async fn a_player_speaks_json() {
    let Some(go) = Go::find() else { return };
    let (app, address) = start(builder(speaking(SerializerKind::Json))).await;
    conversation(&app, Player::connect(go, address).await).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_player_speaks_protobuf() {
    let Some(go) = Go::find() else { return };
    let (app, address) = start(builder(speaking(SerializerKind::Protobuf))).await;
    conversation(&app, Player::connect(go, address).await).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_player_comes_over_a_websocket() {
    let Some(go) = Go::find() else { return };
    let (app, _) = start(builder(Config::for_test())).await;
    let address = app.local_addr(1).expect("the WebSocket has an address");
    let player = Player::connect_with(go, address, json!({"webSocket": true})).await;
    conversation(&app, player).await;
    app.shutdown().await;
}

/// With Go's own TLS, which believes anybody here, over TCP and over WebSocket.
#[tokio::test]
async fn a_player_comes_encrypted() {
    let Some(go) = Go::find() else { return };
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let tls = ServerTls::new(
        Pem::value(pair.cert.pem()),
        Pem::value(pair.signing_key.serialize_pem()),
    );
    let app = App::builder("gate")
        .config(Config::for_test())
        .acceptor(Tcp::bind("127.0.0.1:0").tls(tls.clone()))
        .acceptor(WebSocket::bind("127.0.0.1:0").tls(tls))
        .handler(Room);
    let (app, address) = start(app).await;
    let player = Player::connect_with(go, address, json!({"tls": true})).await;
    conversation(&app, player).await;
    let address = app.local_addr(1).expect("the WebSocket has an address");
    let options = json!({"tls": true, "webSocket": true});
    let player = Player::connect_with(go, address, options).await;
    conversation(&app, player).await;
    app.shutdown().await;
}

/// JSON is text: an error's bytes are exactly Go's.
#[tokio::test]
async fn errors_are_the_bytes_that_go_would_send() {
    let Some(go) = Go::find() else { return };
    let (app, address) = start(builder(Config::for_test())).await;
    let mut player = Player::connect(go, address).await;
    for (route, body, expected) in [
        (
            "gate.room.fail",
            r#"{"value":"full"}"#,
            r#"{"code":"GAME-1","msg":"full","metadata":{"room":"r1"}}"#,
        ),
        ("gate.room.plain", "", r#"{"code":"PIT-000","msg":"plain"}"#),
        (
            "gate.room.none",
            "",
            r#"{"code":"PIT-404","msg":"pitaya/handler: gate.room.none not found"}"#,
        ),
    ] {
        let answer = player.call(route, body.as_bytes()).await;
        assert_eq!((answer.error, answer.text()), (true, expected));
    }
    app.shutdown().await;
}

#[tokio::test]
async fn the_handshake_carries_who_the_player_is() {
    let Some(go) = Go::find() else { return };
    let validated = builder(Config::for_test()).handshake_validator("age", |_, data| async move {
        let about = format!("{data:?}");
        if about.contains("gnome") {
            Ok(())
        } else {
            Err(Error::msg("no gnome"))
        }
    });
    let (app, address) = start(validated).await;
    let user = json!({"user": {"race": "gnome"}});
    let mut player = Player::connect_with(go, address, user).await;
    let answer = player.call("gate.room.about", b"").await;
    assert!(answer.text().contains("gnome"), "{}", answer.text());
    // The Go client takes a refusal for a success, and finds the connection closed.
    let mut refused = Player::connect(go, address).await;
    refused.disconnected().await;
    app.shutdown().await;
}

#[tokio::test]
async fn routes_travel_as_codes_both_ways() {
    let Some(go) = Go::find() else { return };
    let codes = [
        ("gate.room.echo", 1_u16),
        ("gate.room.push", 500),
        ("onSaid", 0),
        ("onNote", 65535),
    ];
    let (app, address) = start(builder(Config::for_test()).dictionary(codes)).await;
    let mut player = Player::connect(go, address).await;
    let known = player.dictionary().await;
    assert_eq!(
        known,
        codes.map(|(route, code)| (route.to_owned(), code)).into()
    );
    for _ in 0..2 {
        assert_eq!(
            player
                .call("gate.room.echo", br#"{"value":"x"}"#)
                .await
                .text(),
            r#"{"value":"x"}"#
        );
        assert_eq!(
            player
                .call("gate.room.push", br#"{"value":"x"}"#)
                .await
                .text(),
            r#"{"value":"x"}"#
        );
        assert_eq!(player.push("onSaid").await, br#"{"value":"x"}"#);
        player.notify("gate.room.note", br#"{"value":"y"}"#).await;
        assert_eq!(player.push("onNote").await, br#"{"value":"y"}"#);
    }
    app.shutdown().await;
}

/// The Go client reads the handshake's answer in pieces of 1024 bytes, and waits for more after a full one.
#[tokio::test]
async fn an_answer_to_the_handshake_may_be_a_multiple_of_1024_bytes() {
    let Some(go) = Go::find() else { return };
    let config = Config::for_test();
    // Eight routes, together this much longer than their numbers.
    let routes = |longer: usize| {
        (0..8_u16).map(move |code| {
            let more = longer / 8 + usize::from(usize::from(code) < longer % 8);
            (format!("{code}{}", "n".repeat(more)), code)
        })
    };
    let dictionary = Dictionary::new(routes(0)).expect("the routes are short");
    let shortest = handshake::reply(200, config.heartbeat.interval, "json", &dictionary, None)
        .expect("it fits");
    for around in [1024, 2048] {
        for length in around - 1..=around + 1 {
            let dictionary = routes(length - shortest.len());
            let (app, address) = start(builder(config.clone()).dictionary(dictionary)).await;
            let mut player = Player::connect(go, address).await;
            assert_eq!(player.dictionary().await.len(), 8);
            assert_eq!(
                player.call("gate.room.hello", b"").await.text(),
                r#"{"value":"hello"}"#
            );
            app.shutdown().await;
        }
    }
}

#[tokio::test]
async fn compressed_bodies_and_handshakes_are_understood() {
    let Some(go) = Go::find() else { return };
    let mut config = Config::for_test();
    config.handler.compression = true;
    let routes = (0..100).map(|code| (format!("push.route.number{code}"), code));
    let (app, address) = start(builder(config).dictionary(routes)).await;
    let mut player = Player::connect(go, address).await;
    assert_eq!(player.dictionary().await.len(), 100);
    // Random enough not to fit one read of the client, regular enough to be deflated.
    let long: String = (0..20_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_string())
        .collect();
    let body = Text::bytes(&long, &Serializer::Json);
    let answer = player.call("gate.room.push", &body).await;
    assert_eq!(Text::read(&answer.body, &Serializer::Json), long);
    assert_eq!(
        Text::read(&player.push("onSaid").await, &Serializer::Json),
        long
    );
    let answer = player.call("gate.room.fail", &body).await;
    let error: ErrorBody = Body::decode(&Serializer::Json, &answer.body).expect("an error body");
    assert_eq!((answer.error, error.msg), (true, long));
    app.shutdown().await;
}

/// Three intervals in which the player sends nothing but heartbeats: two without would end the connection.
#[tokio::test]
async fn heartbeats_keep_the_connection() {
    let Some(go) = Go::find() else { return };
    let mut config = Config::for_test();
    config.heartbeat.interval = Duration::from_secs(1);
    let (app, address) = start(builder(config)).await;
    let mut player = Player::connect(go, address).await;
    player.call("gate.room.bind", br#"{"value":"ann"}"#).await;
    let session = app.handle().sessions().by_uid("ann").expect("ann is here");
    let waited = tokio::time::timeout(Duration::from_millis(3500), session.closed()).await;
    assert!(waited.is_err(), "closed: {:?}", session.close_reason());
    assert_eq!(
        player.call("gate.room.hello", b"").await.text(),
        r#"{"value":"hello"}"#
    );
    app.shutdown().await;
}

/// 30 is all that the Go client sends at once; the rest follow as answers come.
#[tokio::test]
async fn thirty_requests_in_flight_are_all_answered() {
    let Some(go) = Go::find() else { return };
    let (app, address) = start(builder(Config::for_test())).await;
    let mut player = Player::connect(go, address).await;
    let mut ids = Vec::new();
    for number in 0..300 {
        let body = format!(r#"{{"value":"{number}"}}"#);
        ids.push((
            player.request("gate.room.echo", body.as_bytes()).await,
            body,
        ));
    }
    for (id, body) in ids {
        assert_eq!(player.answer(id).await.text(), body);
    }
    app.shutdown().await;
}

#[tokio::test]
async fn a_request_that_is_not_answered_times_out_at_the_player() {
    let Some(go) = Go::find() else { return };
    let (app, address) = start(builder(Config::for_test())).await;
    let mut player = Player::connect_with(go, address, json!({"timeoutMs": 200})).await;
    let answer = player.call("gate.room.stall", b"").await;
    // The Go client invents this answer itself.
    assert_eq!(
        (answer.error, answer.text()),
        (
            true,
            r#"{"Code":"PIT-504","Message":"request timeout","Metadata":null}"#
        )
    );
    player.disconnect().await;
    app.shutdown().await;
}
