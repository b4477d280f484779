//! Pushes and kicks to many users in few messages: order with single ones, nobody twice, nobody
//! missed, also beside frontends that take no lists.

mod apps;
mod order;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use pitaya::cluster::rpc::nats::NatsServer;
use pitaya::cluster::wire::{KickMsg, UserList};
use pitaya::cluster::{RpcClient, RpcServer};
use pitaya::uid::Uid;

use crate::peer::{self, Station};

/// A frontend of the transport alone, and what it was given.
struct Front {
    station: Arc<Station>,
    server: NatsServer,
}

async fn front(nats: &Nats, id: &str, users: &[String]) -> Front {
    let station = Station::echo();
    let own = peer::server("gate", id);
    let mut config = peer::server_config(nats);
    // What this test sends must not be lost to a full queue: order is its subject.
    config.buffer_messages = 100_000;
    let server = peer::serve(config, &own, &station).await;
    for uid in users {
        station.users.lock().push(uid.clone());
        server.user_bound(&Uid::from(&**uid)).await.unwrap();
    }
    Front { station, server }
}

/// Who sent a push and its number there.
fn body(sender: usize, n: usize) -> Bytes {
    Bytes::from(format!("{sender} {n}"))
}

/// What each user was given by each sender, in order.
fn given(fronts: &[Front]) -> HashMap<(String, usize), Vec<usize>> {
    let mut given: HashMap<_, Vec<_>> = HashMap::new();
    for front in fronts {
        for push in front.station.noted.pushes.lock().iter() {
            let text = std::str::from_utf8(&push.data).unwrap();
            let (sender, n) = text.split_once(' ').unwrap();
            let key = (push.uid.clone(), sender.parse().unwrap());
            given.entry(key).or_default().push(n.parse().unwrap());
        }
    }
    given
}

/// How many pushes these frontends were given.
fn pushes(fronts: &[Front]) -> usize {
    let noted = fronts
        .iter()
        .map(|front| front.station.noted.pushes.lock().len());
    noted.sum()
}

/// A push to many users.
fn list(uids: &[impl AsRef<str>], data: Bytes) -> UserList {
    UserList {
        route: "on".to_owned(),
        data,
        uids: uids.iter().map(|uid| uid.as_ref().to_owned()).collect(),
        ..UserList::default()
    }
}

#[tokio::test]
async fn lists_that_cannot_be_read_are_noted_and_lists_go_on() {
    let nats = Nats::start().await;
    let fronts = [front(&nats, "g1", &["ann".to_owned()]).await];
    let raw = nats.client().await;
    for payload in [&b"\xff\xff"[..], b"", b"\x1a\x03ann", b"\x0a\x02\xff\xfe"] {
        raw.publish("pitaya/gate/users", Bytes::copy_from_slice(payload))
            .await
            .unwrap();
    }
    let malformed = &fronts[0].station.noted.malformed;
    eventually("they are noted", || malformed.lock().len() == 4).await;
    // Who comes later was not there for the lists before it: nothing waits for those.
    let client = peer::client(&nats, &peer::server("room", "r")).await;
    let told = list(&["ann", "bob", "a b"], body(0, 1));
    let sent = client.send_list("gate", told.clone()).await;
    assert_eq!(sent.unreached, ["a b"], "nobody of this name can be bound");
    eventually("it arrives", || pushes(&fronts) == 1).await;
    let late = front(&nats, "g2", &["bob".to_owned()]).await;
    let push = peer::push("bob", body(0, 2));
    client.push("gate", push).await.unwrap();
    eventually("it arrives", || late.station.noted.pushes.lock().len() == 1).await;
    let kicked = UserList {
        route: String::new(),
        kick: true,
        ..told
    };
    client.send_list("gate", kicked).await;
    let kicked = |front: &Front| front.station.noted.kicks.lock().clone();
    let both = || kicked(&fronts[0]).len() + kicked(&late).len() == 2;
    eventually("both are kicked", both).await;
    assert_eq!(
        kicked(&late),
        [KickMsg {
            user_id: "bob".into()
        }]
    );
}
