//! The bus goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually, logs};
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;

use crate::peer::{self, Station, push, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_bus_is_found_again_and_every_call_ends_once() {
    logs();
    let mut nats = Nats::start().await;
    let station = Station::echo();
    let gate = peer::server("gate", "g1");
    let server = Arc::new(peer::serve(peer::server_config(&nats), &gate, &station).await);
    let client = Arc::new(peer::client(&nats, &peer::server("room", "r1")).await);
    server.user_bound(&Uid::from("ann")).await.unwrap();

    let (stop, started, ended) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (client, gate) = (client.clone(), gate.clone());
            let (stop, started, ended) = (stop.clone(), started.clone(), ended.clone());
            tokio::spawn(async move {
                let (mut n, mut failed) = (0_u64, 0);
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    started.fetch_add(1, Ordering::Relaxed);
                    let call = client.call(
                        &gate,
                        request("gate.gate.x", n.to_string()),
                        Duration::from_millis(500),
                    );
                    // A call that outlives its time by far hangs.
                    let result = tokio::time::timeout(DEADLINE, call).await.expect("it ends");
                    ended.fetch_add(1, Ordering::Relaxed);
                    match result {
                        Ok(answer) => assert_eq!(answer, n.to_string()),
                        Err(error) => {
                            failed += 1;
                            let known = ["PIT-408", "PIT-502", "PIT-000"].contains(&error.code());
                            assert!(known, "{error:?}");
                        }
                    }
                }
                failed
            })
        })
        .collect();
    for round in 0..2 {
        let before = ended.load(Ordering::Relaxed);
        eventually("calls run", || ended.load(Ordering::Relaxed) > before + 100).await;
        nats.kill();
        eventually("the outage is noticed", || {
            !client.is_connected() && !server.is_connected()
        })
        .await;
        // Binding goes on without a bus: the user's messages come once there is one.
        server
            .user_bound(&Uid::from(&*format!("bob{round}")))
            .await
            .unwrap();
        nats.restart().await;
        eventually("both are back", || {
            client.is_connected() && server.is_connected()
        })
        .await;
        let start = std::time::Instant::now();
        while client
            .call(
                &gate,
                request("gate.gate.x", "back"),
                Duration::from_millis(500),
            )
            .await
            .is_err()
        {
            assert!(start.elapsed() < DEADLINE, "calls do not work again");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert_eq!(
        started.load(Ordering::Relaxed),
        ended.load(Ordering::Relaxed)
    );

    // Subscriptions are back, once each, also those made during an outage.
    for uid in ["ann", "bob0", "bob1"] {
        client.push("gate", push(uid, "hi")).await.unwrap();
    }
    eventually("all arrive", || station.noted.pushes.lock().len() == 3).await;
    let answer = client
        .call(&gate, request("gate.gate.x", "last"), DEADLINE)
        .await
        .unwrap();
    assert_eq!(answer, "last");
    let last = |request: &&pitaya::cluster::wire::Request| {
        request.msg.as_ref().is_some_and(|msg| msg.data == "last")
    };
    assert_eq!(
        station.noted.requests.lock().iter().filter(last).count(),
        1,
        "nothing comes twice"
    );
    assert_eq!(station.noted.pushes.lock().len(), 3);
}

#[tokio::test]
async fn a_server_closes_without_a_bus_too() {
    let mut nats = Nats::start().await;
    let station = Station::echo();
    let gate = peer::server("gate", "g1");
    let server = peer::serve(peer::server_config(&nats), &gate, &station).await;
    let client = peer::client(&nats, &gate).await;
    server.user_bound(&Uid::from("ann")).await.unwrap();
    nats.kill();
    eventually("the outage is noticed", || {
        !client.is_connected() && !server.is_connected()
    })
    .await;
    tokio::time::timeout(DEADLINE, server.close(DEADLINE * 10))
        .await
        .expect("nothing to wait for");
    tokio::time::timeout(DEADLINE, client.close(DEADLINE * 10))
        .await
        .expect("nothing to wait for");
    assert_eq!(server.users(), 0);
}
