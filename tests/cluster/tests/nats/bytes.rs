//! What Go servers recorded on the bus is, byte for byte, what these put there and take from it.

use std::time::Duration;

use async_nats::Message;
use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request, Response};
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;
use prost::Message as _;
use serde_json::Value;

use crate::peer::{self, Station, now};

struct Recorded {
    subject: String,
    schema: String,
    payload: Bytes,
    /// Of a request: its answer.
    answer: Option<Bytes>,
}

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).expect("hex") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn recorded() -> Vec<Recorded> {
    let text = include_str!("../../../../pitaya/tests/vectors/cluster_nats.json");
    let file: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let mut all = Vec::new();
    for scenario in file["scenarios"].as_array().expect("a list") {
        let bus = scenario["bus"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for message in bus {
            let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
            let answer = bus
                .iter()
                .find(|other| message["seq"].is_number() && other["answers_seq"] == message["seq"]);
            all.push(Recorded {
                subject: text("subject"),
                schema: text("schema"),
                payload: hex(&text("payload_hex")),
                answer: answer.map(|answer| hex(answer["payload_hex"].as_str().expect("hex"))),
            });
        }
    }
    all
}

async fn next(messages: &mut async_nats::Subscriber) -> Message {
    let next = tokio::time::timeout(DEADLINE, messages.next()).await;
    next.expect("it comes").expect("the connection is alive")
}

#[tokio::test]
async fn calls_leave_and_answers_are_read_as_recorded() {
    let nats = Nats::start().await;
    let client = peer::client(&nats, &peer::server("connector", "c1")).await;
    let raw = nats.client().await;
    let mut bus = Nats::subscribe(&raw, "*").await;
    let mut calls = 0;
    for recorded in recorded() {
        let (Some(answer), "protos.Request") = (recorded.answer, recorded.schema.as_str()) else {
            continue;
        };
        let parts: Vec<&str> = recorded.subject.split('/').collect();
        let target = peer::server(parts[2], parts[3]);
        let request = Request::decode(recorded.payload.clone()).unwrap();
        let callee = async {
            let message = next(&mut bus).await;
            assert_eq!(message.subject.as_str(), recorded.subject);
            assert_eq!(message.payload, recorded.payload);
            assert!(message.headers.is_none());
            let reply = message.reply.expect("every call is a request");
            assert!(reply.as_str().starts_with("_INBOX."), "{reply}");
            raw.publish(reply, answer.clone()).await.unwrap();
        };
        let (result, ()) = tokio::join!(client.call(&target, request, DEADLINE), callee);
        let response = Response::decode(answer).unwrap();
        match (result, response.error) {
            (Ok(data), None) => assert_eq!(data, response.data),
            (Err(error), Some(sent)) => {
                let code = if sent.code.is_empty() {
                    "PIT-000"
                } else {
                    &sent.code
                };
                assert_eq!((error.code(), error.message()), (code, sent.msg.as_str()));
                assert_eq!(error.metadata(), &sent.metadata);
            }
            (result, _) => panic!("{} gave {result:?}", recorded.subject),
        }
        calls += 1;
    }
    assert!(calls >= 60, "{calls} calls");
}

#[tokio::test]
async fn calls_are_served_as_recorded() {
    let nats = Nats::start().await;
    let script = std::sync::Arc::new(Mutex::new(Vec::<Response>::new()));
    let answers = script.clone();
    let station = Station::new(move |_| now(answers.lock().pop().expect("scripted")));
    let raw = nats.client().await;
    let mut servers = Vec::new();
    let mut calls = 0;
    let recorded = recorded();
    for (kind, id) in [
        ("connector", "c0000000-0000-4000-8000-000000000001"),
        ("connector", "c0000000-0000-4000-8000-000000000002"),
        ("game", "60000000-0000-4000-8000-000000000001"),
    ] {
        let own = peer::server(kind, id);
        servers.push(peer::serve(peer::server_config(&nats), &own, &station).await);
    }
    for recorded in recorded {
        let (Some(answer), "protos.Request") = (recorded.answer, recorded.schema.as_str()) else {
            continue;
        };
        let response = Response::decode(answer.clone()).unwrap();
        let several = response
            .error
            .as_ref()
            .is_some_and(|error| error.metadata.len() > 1);
        script.lock().push(response.clone());
        let reply = raw
            .request(recorded.subject, recorded.payload.clone())
            .await
            .unwrap();
        if several {
            // Go writes a map in any order.
            assert_eq!(Response::decode(reply.payload).unwrap(), response);
        } else {
            assert_eq!(reply.payload, answer);
        }
        let request = station.noted.requests.lock().pop().expect("it came");
        assert_eq!(request.encode_to_vec(), recorded.payload);
        calls += 1;
    }
    assert!(calls >= 60, "{calls} calls");
}

#[tokio::test]
async fn pushes_kicks_and_binds_travel_as_recorded() {
    let nats = Nats::start().await;
    let own = peer::server("connector", "c1");
    let client = peer::client(&nats, &own).await;
    let station = Station::echo();
    let server = peer::serve(peer::server_config(&nats), &own, &station).await;
    let raw = nats.client().await;
    let mut bus = Nats::subscribe(&raw, "*").await;
    let (mut pushes, mut kicks, mut binds) = (0, 0, 0);
    for recorded in recorded() {
        let bytes = recorded.payload.clone();
        match recorded.schema.as_str() {
            "protos.Push" => {
                let push = Push::decode(bytes).unwrap();
                server.user_bound(&Uid::from(&*push.uid)).await.unwrap();
                client.push("connector", push).await.unwrap();
                pushes += 1;
            }
            "protos.KickMsg" => {
                let kick = KickMsg::decode(bytes).unwrap();
                server.user_bound(&Uid::from(&*kick.user_id)).await.unwrap();
                client.kick("connector", kick).await.unwrap();
                kicks += 1;
            }
            "protos.BindMsg" => {
                let bind = BindMsg::decode(bytes).unwrap();
                client.announce("connector", bind).await.unwrap();
                binds += 1;
            }
            _ => continue,
        }
        let message = next(&mut bus).await;
        assert_eq!(message.subject.as_str(), recorded.subject);
        assert_eq!((message.payload, message.reply), (recorded.payload, None));
    }
    assert!(
        pushes >= 8 && kicks >= 2 && binds >= 3,
        "{pushes} {kicks} {binds}"
    );
    let noted = &station.noted;
    eventually("everything has come", || {
        (
            noted.pushes.lock().len(),
            noted.kicks.lock().len(),
            noted.binds.lock().len(),
        ) == (pushes, kicks, binds)
    })
    .await;
    client.close(Duration::from_secs(5)).await;
    server.close(Duration::from_secs(5)).await;
}
