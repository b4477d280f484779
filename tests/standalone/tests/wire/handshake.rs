//! The server's side of the handshake, and what may follow it.

use std::time::Duration;

use bytes::Bytes;
use pitaya::app::config::Config;
use pitaya::protocol::handshake::HandshakeReply;
use pitaya::protocol::packet::PacketType;
use standalone_tests::RawClient;
use tokio::time::{Instant, sleep, timeout};

use crate::app::{builder, client, in_memory, only_session};

fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat.interval = Duration::from_secs(1);
    config.limits.handshake.timeout = Duration::from_secs(60);
    config
}

/// Clients throw away what they read together with the handshake's answer.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_between_the_handshakes_answer_and_the_ack() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = RawClient::over(connector.connect().unwrap());
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(
        client.next_packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    let session = only_session(&app);
    for n in ["one", "two", "three"] {
        session
            .push("onMessage", &Bytes::from(n))
            .await
            .expect("pushes wait for the ack");
    }
    // Heartbeats are due, too; a client shows life as ours does, by heartbeats of its own.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        client.send(PacketType::Heartbeat, b"").await;
        let nothing = timeout(Duration::from_secs(1), client.next_packet()).await;
        assert!(nothing.is_err(), "{nothing:?}");
    }
    client.send(PacketType::HandshakeAck, b"").await;
    for n in ["one", "two", "three"] {
        assert_eq!(client.message().await.text(), n);
    }
    assert_eq!(client.call(1, "play.echo", b"hi").await.text(), "hi");
    app.shutdown().await;
}

/// Pushes before any handshake wait, too; heartbeats do not.
#[tokio::test(start_paused = true)]
async fn only_heartbeats_are_sent_before_the_handshake() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = RawClient::over(connector.connect().unwrap());
    sleep(Duration::from_millis(1)).await;
    let session = only_session(&app);
    session
        .push("onMessage", &Bytes::from("early"))
        .await
        .unwrap();
    assert_eq!(
        client.next_packet().await,
        Some((PacketType::Heartbeat, Vec::new()))
    );
    client.shake_hands().await;
    assert_eq!(client.message().await.text(), "early");
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_handshake_is_answered_and_needs_a_new_ack() {
    let (app, connector) = in_memory(builder(config())).await;
    let mut client = client(&connector).await;
    assert_eq!(client.call(1, "play.echo", b"first").await.text(), "first");
    let session = only_session(&app);
    client
        .send(PacketType::Handshake, br#"{"sys":{"platform":"again"}}"#)
        .await;
    assert_eq!(
        client.next_packet().await.map(|(kind, _)| kind),
        Some(PacketType::Handshake)
    );
    assert_eq!(
        &*session.handshake().expect("it was kept").sys.platform,
        "again"
    );
    session
        .push("onMessage", &Bytes::from("held"))
        .await
        .unwrap();
    let nothing = timeout(Duration::from_millis(900), client.next_packet()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    client.send(PacketType::HandshakeAck, b"").await;
    assert_eq!(client.message().await.text(), "held");
    assert_eq!(
        client.call(2, "play.echo", b"second").await.text(),
        "second"
    );
    app.shutdown().await;
}

/// Byte by byte: key order, whole seconds without a fraction, an empty dictionary that is there.
#[tokio::test]
async fn the_handshakes_answer_is_exact() {
    let mut config = Config::for_test();
    config.heartbeat.interval = Duration::from_secs(30);
    let (app, connector) = in_memory(builder(config)).await;
    for (hello, code) in [(&b"{}"[..], 200), (b"x", 400)] {
        let mut client = RawClient::over(connector.connect().unwrap());
        client.send(PacketType::Handshake, hello).await;
        let (kind, body) = client.packet().await.unwrap();
        let text = format!(
            r#"{{"code":{code},"sys":{{"dict":{{}},"heartbeat":30,"serializer":"json"}}}}"#
        );
        assert_eq!(
            (kind, String::from_utf8(body).unwrap()),
            (PacketType::Handshake, text)
        );
        if code == 400 {
            assert_eq!(client.packet().await, None);
        }
    }
    app.shutdown().await;
}

/// One client reads in chunks of 1024 bytes and waits for more when the last one was full.
#[tokio::test]
async fn the_handshakes_answer_never_fills_its_last_chunk() {
    let mut padded = 0;
    for len in 222..=232 {
        let long = "r".repeat(255);
        let routes = [
            format!("a{}", &long[1..]),
            format!("b{}", &long[1..]),
            "c".repeat(200),
        ];
        let codes = routes.into_iter().zip(1..).chain([("d".repeat(len), 4)]);
        let (app, connector) = in_memory(builder(Config::for_test()).dictionary(codes)).await;
        let mut client = RawClient::over(connector.connect().unwrap());
        client.send(PacketType::Handshake, b"{}").await;
        let (_, body) = client.packet().await.unwrap();
        assert_ne!((4 + body.len()) % 1024, 0, "{len}");
        if body.ends_with(b" ") {
            padded += 1;
            assert_eq!(4 + body.len(), 1025);
        }
        assert_eq!(
            HandshakeReply::parse(&body)
                .unwrap()
                .dictionary
                .iter()
                .count(),
            4
        );
        drop(client);
        app.shutdown().await;
    }
    assert_eq!(padded, 1, "no size in the test needs the padding");
}
