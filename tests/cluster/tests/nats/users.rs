//! Messages for users: there from the moment a bind returns, gone when the last session is.

use std::sync::Arc;

use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use futures_util::future::{FutureExt as _, join_all};
use pitaya::cluster::rpc::nats::{NatsClient, NatsServer};
use pitaya::cluster::wire::KickMsg;
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;

use crate::peer::{self, Station, push};

/// A frontend and what it notes, and a server that calls it.
async fn gate_and_room(nats: &Nats) -> (Arc<Station>, NatsServer, NatsClient) {
    let station = Station::echo();
    let gate = peer::server("gate", "g1");
    let server = peer::serve(peer::server_config(nats), &gate, &station).await;
    let client = peer::client(nats, &peer::server("room", "r1")).await;
    (station, server, client)
}

#[tokio::test]
async fn a_push_right_after_a_bind_arrives() {
    let nats = Nats::start().await;
    let (station, server, client) = gate_and_room(&nats).await;
    // The subscription and the push take different connections: nothing but the confirmation
    // orders them.
    for n in 0..500 {
        let uid = format!("user{n}");
        server.user_bound(&Uid::from(&*uid)).await.unwrap();
        client
            .push("gate", push(&uid, n.to_string()))
            .await
            .unwrap();
        client.kick("gate", KickMsg { user_id: uid }).await.unwrap();
    }
    eventually("all arrive", || {
        station.noted.pushes.lock().len() == 500 && station.noted.kicks.lock().len() == 500
    })
    .await;
    assert_eq!(server.users(), 500);
}

#[tokio::test]
async fn two_sessions_of_a_user_are_one_subscription() {
    let nats = Nats::start().await;
    let (station, server, client) = gate_and_room(&nats).await;
    let raw = nats.client().await;
    let uid = Uid::from("ann");
    // At the same time, too.
    for bound in join_all((0..3).map(|_| server.user_bound(&uid))).await {
        bound.unwrap();
    }
    // A bind that is given up leaves nothing.
    let bob = Uid::from("bob");
    assert!(
        server.user_bound(&bob).now_or_never().is_none(),
        "the bus has to answer first"
    );
    server.user_left(&uid);
    server.user_left(&uid);
    assert_eq!(server.users(), 1);
    client.push("gate", push("ann", "1")).await.unwrap();
    eventually("it arrives", || !station.noted.pushes.lock().is_empty()).await;
    server.user_left(&uid);
    // Nobody listens any more: a request says so.
    let start = std::time::Instant::now();
    while raw
        .request("pitaya/gate/user/ann/push", "".into())
        .await
        .is_ok()
    {
        assert!(
            start.elapsed() < cluster_tests::DEADLINE,
            "still subscribed"
        );
    }
    let pushes = station.noted.pushes.lock();
    assert_eq!(
        pushes.iter().filter(|push| push.data == "1").count(),
        1,
        "once each"
    );
}

#[tokio::test]
async fn binds_and_closes_leave_nothing() {
    let nats = Nats::start().await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    eventually("this test is alone", || tasks() == 0).await;
    let (_station, server, _client) = gate_and_room(&nats).await;
    let before = tasks();
    for round in 0..10 {
        let uids: Vec<_> = (0..200)
            .map(|n| Uid::from(&*format!("user{round}.{n}")))
            .collect();
        for bound in join_all(uids.iter().map(|uid| server.user_bound(uid))).await {
            bound.unwrap();
        }
        assert_eq!(server.users(), 200);
        uids.iter().for_each(|uid| server.user_left(uid));
    }
    assert_eq!(server.users(), 0);
    eventually("every task ends", || tasks() == before).await;
}

#[tokio::test]
async fn uids_that_the_bus_cannot_carry_are_refused() {
    let nats = Nats::start().await;
    let (station, server, client) = gate_and_room(&nats).await;
    for uid in ["a b", "a\tb", "a\r\nb", "a..b", "a.*.b", "a.>.b"] {
        let error = server.user_bound(&Uid::from(uid)).await.unwrap_err();
        assert!(
            error
                .message()
                .starts_with("nats: invalid subject: the uid "),
            "{error}"
        );
        assert!(client.push("gate", push(uid, "0")).await.is_err());
        let kick = KickMsg {
            user_id: uid.to_owned(),
        };
        assert!(client.kick("gate", kick).await.is_err());
    }
    assert_eq!(server.users(), 0);
    for uid in ["*", ">", "ü", "a.b", "x/y"] {
        server.user_bound(&Uid::from(uid)).await.unwrap();
        client.push("gate", push(uid, "0")).await.unwrap();
    }
    eventually("those arrive", || station.noted.pushes.lock().len() == 5).await;
}
