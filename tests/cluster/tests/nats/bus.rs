//! Bad input on every subject that a server listens to: answered where an answer is asked for,
//! noted, and without effect on anybody else.

use std::time::Duration;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use pitaya::cluster::wire::{BindMsg, KickAnswer, KickMsg, Request, Response};
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;
use prost::Message as _;

use crate::peer::{self, Station, push, request};

const SUBJECTS: [&str; 4] = [
    "pitaya/servers/gate/g1",
    "pitaya/gate/bindings",
    "pitaya/gate/user/ann/push",
    "pitaya/gate/user/ann/kick",
];

/// Decodable by nobody, or by accident only.
pub(crate) fn nonsense() -> Vec<Bytes> {
    let mut all: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        // A field that says it is longer than everything.
        Bytes::from_static(b"\x1a\xff\xff\xff\x7fx"),
        // Text where a message belongs, a number where text belongs.
        Bytes::from_static(b"\x1a\x03abc"),
        Bytes::from_static(b"\x08\x01\x10\x02"),
        // Not UTF-8.
        Bytes::from_static(b"\x0a\x02\xff\xfe"),
        // Messages inside messages, deeper than anybody reads.
        Bytes::from(b"\x1b".repeat(10_000)),
        Bytes::from(vec![0x1a; 1 << 20]),
        Bytes::from(vec![0; 1 << 20]),
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for len in 1..300 {
        all.push((0..len % 64 + 1).map(|_| random.u8(..)).collect());
    }
    all
}

#[tokio::test]
async fn nonsense_is_noted_and_answered_and_nothing_more() {
    let nats = Nats::start().await;
    let own = peer::server("gate", "g1");
    let station = Station::echo();
    station.users.lock().push("ann".to_owned());
    let server = peer::serve(peer::server_config(&nats), &own, &station).await;
    server.user_bound(&Uid::from("ann")).await.unwrap();
    let raw = nats.client().await;
    for payload in nonsense() {
        for subject in SUBJECTS {
            raw.publish(subject, payload.clone()).await.unwrap();
        }
        // A call has an answer, whatever it is.
        let reply = tokio::time::timeout(DEADLINE, raw.request(SUBJECTS[0], payload.clone()));
        let response = Response::decode(reply.await.unwrap().unwrap().payload).unwrap();
        let readable = Request::decode(payload).is_ok_and(|request| request.msg.is_some());
        let code = response.error.map(|error| error.code);
        assert_eq!(code.as_deref(), (!readable).then_some("PIT-400"));
    }
    let client = peer::client(&nats, &peer::server("room", "r1")).await;
    assert_eq!(
        client
            .call(&own, request("gate.gate.x", "fine"), DEADLINE)
            .await
            .unwrap(),
        "fine"
    );
    for subject in SUBJECTS {
        eventually("each subject is noted", || {
            station
                .noted
                .malformed
                .lock()
                .iter()
                .any(|(noted, _)| noted == subject)
        })
        .await;
    }
}

#[tokio::test]
async fn pushes_and_kicks_sent_as_requests_are_answered() {
    let nats = Nats::start().await;
    let own = peer::server("gate", "g1");
    let station = Station::echo();
    let server = peer::serve(peer::server_config(&nats), &own, &station).await;
    server.user_bound(&Uid::from("ann")).await.unwrap();
    let raw = nats.client().await;
    let push = Bytes::from(push("ann", "hi").encode_to_vec());
    let kick = Bytes::from(
        KickMsg {
            user_id: "ann".into(),
        }
        .encode_to_vec(),
    );
    let reply = raw
        .request("pitaya/gate/user/ann/push", push.clone())
        .await
        .unwrap();
    let error = Response::decode(reply.payload).unwrap().error.unwrap();
    assert_eq!(
        (error.code.as_str(), error.msg.as_str()),
        ("PIT-000", "session not found")
    );
    let reply = raw
        .request("pitaya/gate/user/ann/kick", kick.clone())
        .await
        .unwrap();
    assert_eq!(
        KickAnswer::decode(reply.payload).unwrap(),
        KickAnswer { kicked: false }
    );
    station.users.lock().push("ann".to_owned());
    let reply = raw
        .request("pitaya/gate/user/ann/push", push)
        .await
        .unwrap();
    assert_eq!(&*reply.payload, b"\x0a\x03ack");
    let reply = raw
        .request("pitaya/gate/user/ann/kick", kick)
        .await
        .unwrap();
    assert_eq!(&*reply.payload, b"\x08\x01");
    for nonsense in [&b""[..], b"\xff"] {
        let reply = raw
            .request("pitaya/gate/user/ann/push", nonsense.into())
            .await
            .unwrap();
        assert_eq!(
            Response::decode(reply.payload).unwrap().error.unwrap().code,
            "PIT-400"
        );
        let reply = raw
            .request("pitaya/gate/user/ann/kick", nonsense.into())
            .await
            .unwrap();
        assert_eq!(
            KickAnswer::decode(reply.payload).unwrap(),
            KickAnswer { kicked: false }
        );
    }
}

#[tokio::test]
async fn replies_that_nobody_asked_for_are_counted() {
    let nats = Nats::start().await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let room = peer::server("room", "r1");
    let raw = nats.client().await;
    let mut calls = Nats::subscribe(&raw, "pitaya/servers/room/r1").await;
    let call = client.call(&room, request("room.room.x", ""), DEADLINE);
    let answering = async {
        let message = futures_util::StreamExt::next(&mut calls).await.unwrap();
        let reply = message.reply.unwrap();
        let inbox = reply.as_str().rsplit_once('.').unwrap().0;
        for wrong in ["999", "x", "-1", "99999999999999999999999"] {
            raw.publish(format!("{inbox}.{wrong}"), "?".into())
                .await
                .unwrap();
        }
        raw.publish(reply, Bytes::from_static(b"\xff"))
            .await
            .unwrap();
    };
    let (result, ()) = tokio::join!(call, answering);
    let error = result.unwrap_err();
    assert!(
        error.message().starts_with("the reply cannot be decoded"),
        "{error}"
    );
    eventually("all are counted", || client.unexpected_replies() == 4).await;
}

#[tokio::test]
async fn binds_reach_every_server_of_the_type_and_no_other() {
    let nats = Nats::start().await;
    let (one, two, other) = (Station::echo(), Station::echo(), Station::echo());
    let config = || peer::server_config(&nats);
    let _one = peer::serve(config(), &peer::server("gate", "g1"), &one).await;
    let _two = peer::serve(config(), &peer::server("gate", "g2"), &two).await;
    let _other = peer::serve(config(), &peer::server("room", "r1"), &other).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let bind = BindMsg {
        uid: "ann".into(),
        fid: "g1".into(),
        epoch: 7,
    };
    client.announce("gate", bind.clone()).await.unwrap();
    eventually("both know", || {
        !one.noted.binds.lock().is_empty() && !two.noted.binds.lock().is_empty()
    })
    .await;
    client.announce("room", bind.clone()).await.unwrap();
    eventually("the other knows", || !other.noted.binds.lock().is_empty()).await;
    for station in [one, two, other] {
        assert_eq!(*station.noted.binds.lock(), std::slice::from_ref(&bind));
    }
    client.close(Duration::from_secs(5)).await;
}
