//! How bytes come in and in which order answers leave.

use pitaya::App;
use pitaya::app::config::Config;
use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, packet_of, request};

use crate::app::{TURNS, builder, on_tcp};

fn hello() -> Vec<u8> {
    let mut bytes = packet_of(PacketType::Handshake, br#"{"sys":{"platform":"test"}}"#);
    bytes.extend(packet_of(PacketType::HandshakeAck, b""));
    bytes
}

async fn server() -> (App, std::net::SocketAddr) {
    let builder = builder(Config::for_test()).acceptor(pitaya::Tcp::bind("127.0.0.1:0"));
    let app = builder.start().await.unwrap();
    let address = app.local_addr(0).unwrap();
    (app, address)
}

async fn shaken_and_answered(client: &mut RawClient) {
    assert_eq!(
        client.packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    let reply = client.message().await;
    assert_eq!((reply.id, reply.text()), (1, "hi"));
}

#[tokio::test]
async fn handshake_ack_and_request_arrive_byte_by_byte() {
    let (app, address) = server().await;
    let mut client = RawClient::open(address).await;
    for byte in [hello(), request(1, "play.echo", b"hi")].concat() {
        client.write(&[byte]).await;
        // Each byte in a segment of its own, and mostly in a read of its own.
        tokio::task::yield_now().await;
    }
    shaken_and_answered(&mut client).await;
    app.shutdown().await;
}

#[tokio::test]
async fn handshake_ack_and_request_arrive_in_one_write() {
    let (app, address) = server().await;
    let mut client = RawClient::open(address).await;
    client
        .write(&[hello(), request(1, "play.echo", b"hi")].concat())
        .await;
    shaken_and_answered(&mut client).await;
    app.shutdown().await;
}

#[tokio::test]
async fn the_ack_shares_a_segment_with_the_first_request() {
    let (app, address) = server().await;
    let mut client = RawClient::open(address).await;
    let bytes = [hello(), request(1, "play.echo", b"hi")].concat();
    let (hello, rest) = bytes.split_at(hello().len() - 4);
    client.write(hello).await;
    assert_eq!(
        client.packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    client.write(rest).await;
    let reply = client.message().await;
    assert_eq!((reply.id, reply.text()), (1, "hi"));
    app.shutdown().await;
}

/// Packets that end anywhere in a read, from one byte of the next to almost all of it.
#[tokio::test]
async fn packets_split_anywhere_are_served() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    let pair = [
        request(1, "play.echo", b"first"),
        request(2, "play.echo", b"second"),
    ]
    .concat();
    for at in 1..pair.len() {
        client.write(&pair[..at]).await;
        if at >= request(1, "play.echo", b"first").len() {
            assert_eq!(client.message().await.text(), "first");
            client.write(&pair[at..]).await;
        } else {
            client.write(&pair[at..]).await;
            assert_eq!(client.message().await.text(), "first");
        }
        assert_eq!(client.message().await.text(), "second");
    }
    app.shutdown().await;
}

/// 1000 requests wait at the same time; the last one is answered first.
#[tokio::test]
async fn a_thousand_concurrent_requests_are_answered_out_of_order() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    let all: Vec<u8> = (1..=TURNS)
        .flat_map(|id| request(id.into(), "play.turn", id.to_string().as_bytes()))
        .collect();
    client.write(&all).await;
    for id in (1..=TURNS).rev() {
        let reply = client.message().await;
        assert_eq!(
            (reply.id, reply.text()),
            (id.into(), id.to_string().as_str())
        );
    }
    app.shutdown().await;
}

/// A long poll does not hold up what the same client asks for meanwhile.
#[tokio::test]
async fn a_concurrent_request_that_waits_stalls_no_other() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    client.request(1, "play.poll", b"").await;
    for id in 2..10 {
        assert_eq!(
            client.call(id, "play.echo", b"meanwhile").await.text(),
            "meanwhile"
        );
    }
    drop(client);
    app.shutdown().await;
}

#[tokio::test]
async fn a_push_made_before_a_response_arrives_before_it() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    for id in 1..50 {
        client.request(id, "play.push", b"x").await;
        for route in ["onMessage", "onMembers"] {
            let push = client.message().await;
            assert_eq!((push.kind, push.route.as_str()), (MessageKind::Push, route));
        }
        let reply = client.message().await;
        assert_eq!((reply.kind, reply.id), (MessageKind::Response, id));
    }
    app.shutdown().await;
}

/// The text form of a client's address decides; the session's data has it after the handshake.
#[tokio::test]
async fn sessions_know_their_ip_version() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    assert_eq!(client.call(1, "play.address", b"").await.text(), "ipv4");
    app.shutdown().await;
    // A machine without IPv6 cannot show the other half.
    let listener = std::net::TcpListener::bind("[::1]:0");
    if let Ok(listener) = listener {
        let builder = builder(Config::for_test()).acceptor(pitaya::Tcp::from_listener(listener));
        let app = builder.start().await.unwrap();
        let mut client = RawClient::connect(app.local_addr(0).unwrap()).await;
        assert_eq!(client.call(1, "play.address", b"").await.text(), "ipv6");
        app.shutdown().await;
    }
}
