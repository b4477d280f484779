//! Kicks arrive: behind what was queued before them, and in front of the end.

use std::time::Duration;

use bytes::Bytes;
use pitaya::app::config::{Config, Overflow};
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{Tcp, WebSocket};
use standalone_tests::websocket::{BINARY, WsClient};
use standalone_tests::{RawClient, decode};
use tokio::time::sleep;

use crate::app::{builder, client, in_memory, on_tcp, only_session};

const KICK: (PacketType, Vec<u8>) = (PacketType::Kick, Vec::new());

/// The original's write deadline of the last message would have passed by now.
#[tokio::test(start_paused = true)]
async fn a_kick_after_twenty_seconds_of_silence_arrives_and_closes() {
    let mut config = Config::default();
    config.heartbeat.interval = Duration::from_secs(30);
    let (app, connector) = in_memory(builder(config)).await;
    let mut client = client(&connector).await;
    assert_eq!(client.call(1, "play.echo", b"x").await.text(), "x");
    let session = only_session(&app);
    sleep(Duration::from_secs(20)).await;
    session.kick().await.unwrap();
    assert_eq!(client.next_packet().await, Some(KICK));
    assert_eq!(client.next_packet().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Kicked));
    app.shutdown().await;
}

#[tokio::test]
async fn what_was_queued_leaves_before_the_kick() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    client.request(1, "play.kick", b"bye").await;
    let rest = client.rest().await;
    let [(PacketType::Data, push), kick] = &rest[..] else {
        panic!("{rest:?}")
    };
    assert_eq!(
        (decode(push).route.as_str(), decode(push).text()),
        ("onMessage", "bye")
    );
    assert_eq!(*kick, KICK);
    app.shutdown().await;
}

/// Input that nobody reads any more makes a plain close reset the connection, kick and all.
#[tokio::test]
async fn a_kick_arrives_although_input_is_unread() {
    let builder = builder(Config::for_test()).acceptor(Tcp::bind("127.0.0.1:0"));
    let app = builder.start().await.unwrap();
    for _ in 0..10 {
        let mut client = RawClient::connect(app.local_addr(0).unwrap()).await;
        assert_eq!(client.call(1, "play.echo", b"x").await.text(), "x");
        client.request(2, "play.stay", b"").await;
        for _ in 0..40 {
            client.notify("play.note", &[0; 1000]).await;
        }
        only_session(&app).kick().await.unwrap();
        assert_eq!(client.rest().await, [KICK]);
    }
    app.shutdown().await;
}

/// The kicking task, the connection's task and five that push run on threads of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_kick_during_heavy_pushing_on_a_websocket_arrives_and_closes() {
    let mut config = Config::for_test();
    config.buffer.overflow = Overflow::Drop;
    let builder = builder(config).acceptor(WebSocket::bind("127.0.0.1:0"));
    let app = builder.start().await.unwrap();
    for _ in 0..5 {
        let mut client = WsClient::connect(app.local_addr(0).unwrap()).await;
        // The answer shows that the ack was processed.
        client
            .send(BINARY, &standalone_tests::request(1, "play.echo", b""))
            .await;
        assert_eq!(
            client.frame().await.unwrap().payload,
            b"\x04\0\0\x02\x04\x01"
        );
        let session = only_session(&app);
        let pushers: Vec<_> = (0..5)
            .map(|_| {
                let session = session.clone();
                tokio::spawn(async move {
                    let body = Bytes::from_static(&[b'p'; 500]);
                    while !session.is_closed() {
                        // Refused when the queue is full, and when the kick was first.
                        let _ = session.push("onMessage", &body).await;
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            let frame = client.frame().await.unwrap();
            assert_eq!(frame.payload.len(), 4 + 2 + 9 + 500);
        }
        session.kick().await.unwrap();
        let rest = client.rest().await;
        let packets: Vec<_> = rest.iter().filter(|frame| frame.opcode == BINARY).collect();
        let (kick, pushes) = packets.split_last().expect("the kick comes");
        assert_eq!(kick.payload, [5, 0, 0, 0]);
        assert!(
            pushes
                .iter()
                .all(|push| push.fin && push.payload.len() == 4 + 2 + 9 + 500)
        );
        for pusher in pushers {
            pusher.await.unwrap();
        }
        assert_eq!(session.close_reason(), Some(CloseReason::Kicked));
    }
    app.shutdown().await;
}
