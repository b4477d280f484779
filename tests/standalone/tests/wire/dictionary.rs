//! Route codes, both ways.

use pitaya::App;
use pitaya::app::config::Config;
use pitaya::protocol::handshake::HandshakeReply;
use pitaya::protocol::packet::PacketType;
use standalone_tests::RawClient;

use crate::app::{builder, on_tcp};

async fn server() -> (App, RawClient) {
    let codes = [
        ("connector.play.echo", 300),
        ("connector.play.push", 2),
        ("onMessage", 4),
        ("nowhere", 9),
    ];
    on_tcp(builder(Config::for_test()).dictionary(codes)).await
}

#[tokio::test]
async fn the_dictionary_is_told_in_the_handshake_with_sorted_keys() {
    let (app, _client) = server().await;
    let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
    client.send(PacketType::Handshake, b"{}").await;
    let (_, body) = client.packet().await.unwrap();
    let text = r#"{"code":200,"sys":{"dict":{"connector.play.echo":300,"connector.play.push":2,"nowhere":9,"onMessage":4},"heartbeat":5,"serializer":"json"}}"#;
    assert_eq!(String::from_utf8_lossy(&body), text);
    assert_eq!(
        HandshakeReply::parse(&body)
            .unwrap()
            .dictionary
            .code("onMessage"),
        Some(4)
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_request_by_code_is_served_like_one_by_name() {
    let (app, mut client) = server().await;
    // Codes are big-endian: 300.
    client
        .send(PacketType::Data, b"\x01\x07\x01\x2cby code")
        .await;
    let reply = client.message().await;
    assert_eq!((reply.id, reply.text()), (7, "by code"));
    assert_eq!(
        client
            .call(8, "connector.play.echo", b"by name")
            .await
            .text(),
        "by name"
    );
    assert_eq!(
        client.call(9, "play.echo", b"in short").await.text(),
        "in short"
    );
    app.shutdown().await;
}

/// Some clients crash on codes in pushes, so only those get them that use codes themselves.
#[tokio::test]
async fn pushes_use_codes_for_clients_that_do() {
    let (app, mut client) = server().await;
    client.request(1, "connector.play.push", b"x").await;
    assert_eq!(client.message().await.route, "onMessage");
    assert_eq!(client.message().await.route, "onMembers");
    assert_eq!(client.message().await.id, 1);
    client.send(PacketType::Data, b"\x01\x02\x00\x02y").await;
    let (_, push) = client.packet().await.unwrap();
    assert_eq!(push, b"\x07\x00\x04y");
    // Not in the dictionary.
    assert_eq!(client.message().await.route, "onMembers");
    assert_eq!(client.message().await.id, 2);
    // For good.
    client.request(3, "play.push", b"z").await;
    assert_eq!(client.packet().await.unwrap().1, b"\x07\x00\x04z");
    app.shutdown().await;
}

#[tokio::test]
async fn an_unknown_code_closes_and_an_unknown_name_is_answered() {
    let (app, mut client) = server().await;
    assert!(client.call(1, "play.none", b"").await.error);
    client.send(PacketType::Data, b"\x01\x02\x00\x03").await;
    assert_eq!(client.rest().await, []);
    app.shutdown().await;
}

/// A code whose route no handler serves is known, so its message is answered.
#[tokio::test]
async fn a_code_for_a_route_without_handler_is_answered() {
    let (app, mut client) = server().await;
    client.send(PacketType::Data, b"\x01\x02\x00\x09").await;
    let reply = client.message().await;
    assert_eq!(reply.text(), r#"{"code":"PIT-400","msg":"invalid route"}"#);
    client.send(PacketType::Data, b"\x03\x00\x09").await;
    assert_eq!(client.call(3, "play.echo", b"on").await.text(), "on");
    app.shutdown().await;
}
