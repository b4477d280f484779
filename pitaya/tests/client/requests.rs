//! Requests and notifies: bytes out, answers in, and everything that can come between.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use pitaya::client::{Client, DisconnectReason, Error, ServiceClient};
use pitaya::protocol::compression::{Deflater, Inflater};
use pitaya::protocol::packet::{MAX_BODY_LEN, PacketType};
use pitaya::protocol::{MessageKind, RouteRef};
use tokio::time::Instant;

use crate::server::*;

#[tokio::test(start_paused = true)]
async fn messages_have_the_documented_bytes() {
    let (client, mut server) = connected().await;
    let serve = async {
        let packet = server.packet().await.unwrap();
        assert_eq!(
            packet,
            (PacketType::Data, b"\x00\x01\x0froom.room.entry{}".to_vec())
        );
        server.answer(1, br#"{"result":"ok"}"#).await;
        let packet = server.packet().await.unwrap();
        assert_eq!(
            packet,
            (
                PacketType::Data,
                b"\x00\x02\x13connector.docs.docs".to_vec()
            )
        );
        server.answer(2, b"").await;
        let packet = server.packet().await.unwrap();
        assert_eq!(
            packet,
            (PacketType::Data, b"\x02\x0croom.message{\"a\":1}".to_vec())
        );
    };
    let call = async {
        let answer: Bytes = client
            .request("room.room.entry", &Bytes::from("{}"))
            .await
            .unwrap();
        assert_eq!(answer, r#"{"result":"ok"}"#);
        let answer: Bytes = client
            .request_without_argument("connector.docs.docs")
            .await
            .unwrap();
        assert_eq!(answer, "");
        client
            .notify("room.message", &Bytes::from(r#"{"a":1}"#))
            .await
            .unwrap();
    };
    soon(async { tokio::join!(serve, call) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_requests_answered_in_reverse_reach_their_callers() {
    let (client, mut server) = connected_with(Client::builder().max_in_flight(1000), REPLY).await;
    let calls = join_all((0..1000_u32).map(async |n| {
        let answer = client.request_raw("a.b", n.to_string()).await.unwrap();
        assert_eq!(answer, n.to_string());
    }));
    let serve = async {
        let mut requests = Vec::new();
        while requests.len() < 1000 {
            requests.push(server.message().await);
        }
        for request in requests.into_iter().rev() {
            server.answer(request.id, &request.body).await;
        }
    };
    soon(async { tokio::join!(calls, serve) }).await;
    assert_eq!(client.ignored_messages(), 0);
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_server_keep_code_text_and_metadata() {
    let json: &[u8] = br#"{"code":"SHOP-1","msg":"too poor","metadata":{"price":"30"}}"#;
    let protobuf: &[u8] = b"\x0a\x06SHOP-1\x12\x08too poor\x1a\x0b\x0a\x05price\x12\x0230";
    for (serializer, body) in [("json", json), ("protobuf", protobuf)] {
        let reply = REPLY.replace("json", serializer);
        let (client, mut server) = connected_with(Client::builder(), &reply).await;
        let (answer, ()) = tokio::join!(client.request_raw("shop.buy", ""), async {
            let request = server.message().await;
            server.write(&error_response(request.id, body)).await;
        });
        let Err(Error::Server(error)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((error.code(), error.message()), ("SHOP-1", "too poor"));
        assert_eq!(
            error.metadata().get("price").map(String::as_str),
            Some("30")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_the_late_answer_is_discarded() {
    let (client, mut server) = connected().await;
    let start = Instant::now();
    let answer = client.request_raw("a.b", "").await;
    assert!(matches!(answer, Err(Error::Timeout)));
    assert_eq!(start.elapsed().as_secs(), 5);

    let late = server.message().await;
    server.answer(late.id, b"late").await;
    let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
        let request = server.message().await;
        assert_ne!(request.id, late.id);
        server.answer(request.id, b"in time").await;
    });
    assert_eq!(answer.unwrap(), "in time");
    assert_eq!(client.ignored_messages(), 1);
    let error = pitaya::Error::from(Error::Timeout);
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-504", "request timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_limit_waits_for_a_place_and_a_dropped_one_gives_its_place_back() {
    let (client, mut server) = connected_with(Client::builder().max_in_flight(2), REPLY).await;
    let mut calls: Vec<_> = ["0", "1", "2", "3"]
        .map(|body| Box::pin(client.request_raw("a.b", body)))
        .into_iter()
        .collect();
    assert!(
        calls
            .iter_mut()
            .all(|call| call.as_mut().now_or_never().is_none())
    );
    assert_eq!(server.message().await.body, b"0");
    assert_eq!(server.message().await.body, b"1");
    assert!(server.message().now_or_never().is_none());

    drop(calls.remove(1));
    let mut third = calls.remove(1);
    assert!(third.as_mut().now_or_never().is_none());
    let message = server.message().await;
    assert_eq!(message.body, b"2");
    server.answer(message.id, b"done").await;
    assert_eq!(soon(third).await.unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_an_error_and_leaves_the_connection_as_it_was() {
    let (client, mut server) = connected().await;
    let long_route = "r".repeat(256);
    assert_eq!(
        failure(client.request_raw(&long_route, "").await),
        "route of 256 bytes is longer than 255 bytes"
    );
    let too_large = vec![0; MAX_BODY_LEN];
    assert_eq!(
        failure(client.notify_raw("a.b", &too_large).await),
        "codec: packet size exceed"
    );
    client.notify_raw("a.b", "fits").await.unwrap();
    assert_eq!(server.message().await.body, b"fits");
}

#[tokio::test(start_paused = true)]
async fn outbound_bodies_are_compressed_when_asked_and_shorter() {
    let (client, mut server) = connected_with(Client::builder().compress(true), REPLY).await;
    let long = "P".repeat(400);
    client.notify_raw("a.b", &long).await.unwrap();
    client.notify_raw("a.b", "short").await.unwrap();
    let message = server.message().await;
    assert!(message.compressed && message.body.len() < 40);
    let mut inflated = Vec::new();
    Inflater::new()
        .inflate(&message.body, 1000, &mut inflated)
        .unwrap();
    assert_eq!(inflated, long.as_bytes());
    let message = server.message().await;
    assert_eq!(
        (message.compressed, message.body.as_slice()),
        (false, b"short".as_slice())
    );
}

#[tokio::test(start_paused = true)]
async fn answers_are_inflated_up_to_the_limit() {
    let builder = Client::builder().max_inflated_size(10_000);
    let (client, mut server) = connected_with(builder, REPLY).await;
    let zlib_of = |len: usize| {
        let mut out = Vec::new();
        assert!(Deflater::new().compress(&vec![b'a'; len], &mut out));
        out
    };
    for (zlib, expected) in [
        (zlib_of(10_000), Ok(10_000)),
        (
            zlib_of(10_001),
            Err("cannot inflate the body: inflated body is larger than the limit of 10000 bytes"),
        ),
        (
            vec![1, 2, 3],
            Err("cannot inflate the body: zlib: invalid header"),
        ),
        (vec![], Err("cannot inflate the body: unexpected EOF")),
        (zlib_of(100), Ok(100)),
    ] {
        let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
            let request = server.message().await;
            server.write(&compressed_response(request.id, &zlib)).await;
        });
        let got = answer
            .map(|body| body.len())
            .map_err(|error| error.to_string());
        assert_eq!(got, expected.map_err(str::to_owned));
    }
}

#[tokio::test(start_paused = true)]
async fn large_messages_travel_whole_in_both_directions() {
    let (client, mut server) = connected().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let (answer, ()) = soon(async {
        tokio::join!(client.request_raw("a.b", &body), async {
            let request = server.message().await;
            assert!(request.body == body);
            server.answer(request.id, &body).await;
        })
    })
    .await;
    assert!(answer.unwrap() == body);
}

#[tokio::test(start_paused = true)]
async fn useless_messages_are_counted_and_change_nothing() {
    let (client, mut server) = connected().await;
    let message = |body: &[u8]| a_packet(PacketType::Data, body);
    for useless in [
        response(0, b"{}"),
        response(u64::MAX, b"{}"),
        response(77, b""),
        message(b"\x24\x4d"),
        message(b"\x00\x01\x03a.b{}"),
        message(b"\x02\x03a.b{}"),
        a_push(RouteRef::Code(9), b"{}"),
        message(b"\x16\x01r\x01\x02\x03"),
        a_packet(PacketType::Handshake, REPLY.as_bytes()),
        a_packet(PacketType::HandshakeAck, b""),
    ] {
        server.write(&useless).await;
    }
    server.push("", b"no route").await;
    server.write(&a_push(RouteRef::Name(b"\xff"), b"")).await;
    assert_eq!(client.next_push("").await.unwrap().body, "no route");
    assert_eq!(client.next_push("\u{fffd}").await.unwrap().body, "");
    assert_eq!(client.ignored_messages(), 10);
    assert!(!client.is_closed());
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_message_end_the_connection() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "invalid message"),
        (b"\x04", "invalid message"),
        (b"\x08\x00", "wrong message type"),
        (b"\x04\x80", "invalid message"),
        (b"\x06\x05abc", "invalid message"),
    ];
    for (body, text) in cases {
        let (client, mut server) = connected().await;
        let (answer, ()) = tokio::join!(client.request_raw("a.b", ""), async {
            server.message().await;
            server.send(PacketType::Data, body).await;
        });
        let reason = DisconnectReason::Protocol(text.to_owned());
        assert!(matches!(answer, Err(Error::Disconnected(found)) if found == reason));
        assert_eq!(client.closed().await, reason);
        server.expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_client_builds_its_routes() {
    let (client, mut server) = connected().await;
    let room = ServiceClient::new(&client, "room");
    room.notify("say", Some(&Bytes::from("hi"))).await.unwrap();
    let there = room.clone().at("chat");
    there.notify("leave", None::<&Bytes>).await.unwrap();
    let message = server.message().await;
    assert_eq!(
        (message.kind, message.route.as_str()),
        (MessageKind::Notify, "room.say")
    );
    assert_eq!(message.body, b"hi");
    let message = server.message().await;
    assert_eq!(
        (message.route.as_str(), message.body.as_slice()),
        ("chat.room.leave", &[][..])
    );
    let (answer, ()) = tokio::join!(there.request("who", None::<&Bytes>), async {
        let request = server.message().await;
        assert_eq!(request.route, "chat.room.who");
        server.answer(request.id, b"all").await;
    });
    let answer: Bytes = answer.unwrap();
    assert_eq!(answer, "all");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_reads_makes_senders_wait_not_grow() {
    let builder = Client::builder().request_timeout(Duration::from_secs(2));
    let (client, _server) = connected_with(builder, REPLY).await;
    let body = vec![0; 600_000];
    // One is taken for sending, two fill the outbox.
    for _ in 0..2 {
        client.notify_raw("a.b", &body).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut refused = 0;
    for _ in 0..4 {
        if matches!(client.notify_raw("a.b", &body).await, Err(Error::Timeout)) {
            refused += 1;
        }
    }
    assert!(refused >= 2, "{refused}");
    let waiting = client.notify_raw("a.b", &body);
    let (outcome, ()) = tokio::join!(waiting, async { client.disconnect() });
    assert!(matches!(
        outcome,
        Err(Error::Disconnected(DisconnectReason::Local))
    ));
}
