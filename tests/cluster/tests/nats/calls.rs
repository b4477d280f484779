//! Calls between two servers: answers, errors, order, limits, endings.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use pitaya::Error;
use pitaya::app::config::{NatsClientConfig, NatsServerConfig};
use pitaya::cluster::rpc::nats::{NatsClient, NatsServer};
use pitaya::cluster::wire::Response;
use pitaya::cluster::{RpcClient, RpcServer};
use tokio::sync::Semaphore;

use crate::peer::{self, Station, now, request};

#[tokio::test]
async fn errors_keep_code_text_and_metadata() {
    let nats = Nats::start().await;
    let station = Station::new(|request| {
        now(match request.msg.unwrap_or_default().route.as_str() {
            "room.room.fail" => Error::new("ROOM-1", "full")
                .with_metadata("room", "r1")
                .into(),
            "room.room.plain" => Response {
                error: Some(pitaya::cluster::wire::Error {
                    msg: "plain".into(),
                    ..Default::default()
                }),
                ..Response::default()
            },
            _ => Response::ok("fine"),
        })
    });
    let room = peer::server("room", "r1");
    let _server = peer::serve(peer::server_config(&nats), &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let call = |route| client.call(&room, request(route, "x"), DEADLINE);
    assert_eq!(call("room.room.ok").await.unwrap(), "fine");
    let error = call("room.room.fail").await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("ROOM-1", "full"));
    assert_eq!(error.metadata().get("room").map(String::as_str), Some("r1"));
    let error = call("room.room.plain").await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("PIT-000", "plain"));
}

#[tokio::test]
async fn a_call_without_an_answer_ends_in_time_and_leaves_nothing() {
    let nats = Nats::start().await;
    let room = peer::server("room", "r1");
    let gate = Arc::new(Semaphore::new(0));
    let station = Station::gated(gate.clone());
    let _server = peer::serve(peer::server_config(&nats), &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let error = client
        .call(
            &room,
            request("room.room.slow", ""),
            Duration::from_millis(50),
        )
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-408", "rpc client: request timeout")
    );
    let metadata: Vec<_> = error
        .metadata()
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        metadata,
        [
            "peer.id=r1",
            "route=room.room.slow",
            "server=g1",
            "timeout=50ms"
        ]
    );
    assert!(
        format!("{client:?}").contains("waiting: Some(0)"),
        "{client:?}"
    );
    // The answer that comes too late finds nobody.
    gate.add_permits(1);
    eventually("the late answer is counted", || {
        client.unexpected_replies() == 1
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let nats = Nats::start().await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let error = client
        .call(
            &peer::server("room", "r1"),
            request("room.room.ok", ""),
            DEADLINE,
        )
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-502", "no server takes calls under this id")
    );
    assert!(
        format!("{client:?}").contains("waiting: Some(0)"),
        "{client:?}"
    );
}

#[tokio::test]
async fn what_the_bus_cannot_carry_is_refused_on_both_ways() {
    let nats = Nats::start().await;
    let station = Station::new(|_| now(Response::ok(vec![7; 2 << 20])));
    let room = peer::server("room", "r1");
    let _server = peer::serve(peer::server_config(&nats), &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let error = client
        .call(&room, request("room.room.big", vec![7; 2 << 20]), DEADLINE)
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-400", "nats: maximum payload exceeded")
    );
    assert_eq!(station.noted.requests.lock().len(), 0);
    let error = client
        .call(&room, request("room.room.big", ""), DEADLINE)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "PIT-500");
    assert_eq!(
        error.message(),
        "the reply is larger than the message bus carries"
    );
    let error = client
        .call(&peer::server("a b", "r1"), request("x.y.z", ""), DEADLINE)
        .await;
    assert!(
        error
            .unwrap_err()
            .message()
            .starts_with("nats: invalid subject")
    );
}

#[tokio::test]
async fn calls_come_in_the_order_they_were_first_polled() {
    let nats = Nats::start().await;
    let station = Station::echo();
    let room = peer::server("room", "r1");
    let _server = peer::serve(peer::server_config(&nats), &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let calls = (0..3000_u32).map(|n| {
        let data = Bytes::copy_from_slice(&n.to_be_bytes());
        client.call(&room, request("room.room.echo", data), DEADLINE)
    });
    let answers = join_all(calls).await;
    let order: Vec<_> = station
        .noted
        .requests
        .lock()
        .iter()
        .map(|request| request.msg.clone().unwrap().data)
        .collect();
    for (n, (answer, came)) in answers.into_iter().zip(order).enumerate() {
        let expected = (n as u32).to_be_bytes();
        assert_eq!((&*answer.unwrap(), &*came), (&expected[..], &expected[..]));
    }
}

#[tokio::test]
async fn too_many_calls_are_answered_not_dropped() {
    let nats = Nats::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let station = Station::gated(gate.clone());
    let room = peer::server("room", "r1");
    let config = NatsServerConfig {
        buffer_messages: 10,
        ..peer::server_config(&nats)
    };
    let server = peer::serve(config, &room, &station).await;
    let client = Arc::new(peer::client(&nats, &peer::server("gate", "g1")).await);
    let call = |n: u8| {
        let (client, room) = (client.clone(), room.clone());
        tokio::spawn(async move {
            client
                .call(&room, request("room.room.x", vec![n]), DEADLINE)
                .await
        })
    };
    let accepted: Vec<_> = (0..10).map(call).collect();
    eventually("all run", || station.noted.requests.lock().len() == 10).await;
    for n in 10..15 {
        let error = call(n).await.unwrap().unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("PIT-503", "the server has too much to do")
        );
    }
    assert_eq!(station.noted.overflowed.load(Ordering::Relaxed), 5);
    assert_eq!(
        (
            station.noted.requests.lock().len(),
            server.dropped_messages()
        ),
        (10, 0)
    );
    gate.add_permits(11);
    for (n, call) in accepted.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), vec![n as u8]);
    }
    assert_eq!(call(15).await.unwrap().unwrap(), vec![15]);
}

/// What comes for a queue that is full is lost, and its sender hears nothing: so it is counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_takes_in_time_are_dropped_and_counted() {
    let nats = Nats::start().await;
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let station = Station::new(move |request| {
        // The task that reads what comes stands still, as an inbox never should make it.
        let _ = tokio::task::block_in_place(|| wait.lock().recv());
        now(Response::ok(request.msg.unwrap_or_default().data))
    });
    // Of a server that is no frontend, which would have more room.
    let mut room = peer::server("room", "r1");
    room.frontend = false;
    let config = NatsServerConfig {
        buffer_messages: 10,
        buffer_pushes: 10,
        ..peer::server_config(&nats)
    };
    let server = peer::serve(config, &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let call = |n: u8| client.call(&room, request("room.room.x", vec![n]), DEADLINE);
    let mut first = call(0);
    tokio::select! {
        answer = &mut first => panic!("nobody let it through: {answer:?}"),
        () = eventually("it is at work", || station.noted.requests.lock().len() == 1) => {}
    }
    // Ten wait behind it, five find no place.
    let others: FuturesUnordered<_> = (1..=15).map(call).collect();
    let answers = others.take(10).collect::<Vec<_>>();
    let dropped = async {
        eventually("five are dropped", || server.dropped_messages() == 5).await;
        drop(go);
    };
    let (first, answers, ()) = tokio::join!(first, answers, dropped);
    for answer in answers.into_iter().chain([first]) {
        answer.expect("it found a place");
    }
    assert_eq!(server.dropped_messages(), 5);
    assert_eq!(station.noted.overflowed.load(Ordering::Relaxed), 5);
    assert_eq!(station.noted.requests.lock().len(), 11);
}

#[tokio::test]
async fn calls_beyond_the_services_wait_their_turn() {
    let nats = Nats::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let station = Station::gated(gate.clone());
    let room = peer::server("room", "r1");
    let config = NatsServerConfig {
        services: 4,
        ..peer::server_config(&nats)
    };
    let _server = peer::serve(config, &room, &station).await;
    let client = peer::client(&nats, &peer::server("gate", "g1")).await;
    let calls =
        join_all((0..10_u8).map(|n| client.call(&room, request("room.room.x", vec![n]), DEADLINE)));
    let finishing = async {
        for finished in 0..10 {
            let running = (finished + 4).min(10);
            eventually("as many run as may", || {
                station.noted.requests.lock().len() == running
            })
            .await;
            gate.add_permits(1);
        }
    };
    let (answers, ()) = tokio::join!(calls, finishing);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), vec![n as u8]);
    }
    let order: Vec<_> = station
        .noted
        .requests
        .lock()
        .iter()
        .map(|request| request.msg.clone().unwrap().data)
        .collect();
    assert_eq!(order, (0..10_u8).map(|n| vec![n]).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_closes_finishes_what_it_has_taken_on() {
    let nats = Nats::start().await;
    let gate = Arc::new(Semaphore::new(0));
    let station = Station::gated(gate.clone());
    let room = peer::server("room", "r1");
    let server = peer::serve(peer::server_config(&nats), &room, &station).await;
    let client = Arc::new(peer::client(&nats, &peer::server("gate", "g1")).await);
    let calls: Vec<_> = (0..20)
        .map(|n: u8| {
            let (client, room) = (client.clone(), room.clone());
            tokio::spawn(async move {
                client
                    .call(&room, request("room.room.x", vec![n]), DEADLINE)
                    .await
            })
        })
        .collect();
    eventually("all run", || station.noted.requests.lock().len() == 20).await;
    let closing = server.close(DEADLINE);
    let opening = async {
        let error = loop {
            let late = client
                .call(
                    &room,
                    request("room.room.x", ""),
                    Duration::from_millis(100),
                )
                .await;
            match late {
                Err(error) if error.code() == "PIT-502" => break error,
                Err(error) if error.code() == "PIT-408" => gate.add_permits(1),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(error.message(), "no server takes calls under this id");
        gate.add_permits(20);
    };
    tokio::join!(closing, opening);
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), vec![n as u8]);
    }
    assert!(!server.is_connected() || format!("{server:?}").contains("users: 0"));
    client.close(DEADLINE).await;
    let error = client
        .call(&room, request("room.room.x", ""), DEADLINE)
        .await
        .unwrap_err();
    assert_eq!(error.message(), "nats: connection closed");
}

#[tokio::test]
async fn a_start_without_a_bus_fails_with_the_reason() {
    let mut nats = Nats::start().await;
    nats.kill();
    let own = peer::server("room", "r1");
    let server = NatsServer::new(peer::server_config(&nats));
    let error = server.start(&own, Station::echo()).await.unwrap_err();
    assert!(
        error
            .message()
            .starts_with("no connection to NATS at 127.0.0.1:"),
        "{error}"
    );
    let client = NatsClient::new(NatsClientConfig {
        link: peer::link(&nats.url()),
        ..NatsClientConfig::default()
    });
    assert!(client.start(&own).await.is_err());
    let error = client
        .call(&own, request("a.b.c", ""), DEADLINE)
        .await
        .unwrap_err();
    assert_eq!(error.message(), "RPC client is not running");
    assert!(!client.is_connected() && !server.is_connected());
}
