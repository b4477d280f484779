//! What comes on subjects that other messages are for, or nobody asked for, and who is told of a bind.

use std::time::Duration;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use pitaya::cluster::wire::{BindMsg, KickAnswer, KickMsg, Response};
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;
use prost::Message as _;

use crate::peer::{self, Station, push, request};

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
