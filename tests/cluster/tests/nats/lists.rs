//! Pushes and kicks to many users in few messages: order with single ones, nobody twice, nobody
//! missed, also beside frontends that take no lists.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use pitaya::cluster::discovery::local::{Hub, LocalDiscovery};
use pitaya::cluster::rpc::nats::NatsServer;
use pitaya::cluster::wire::{KickMsg, Push, UserList};
use pitaya::cluster::{Cluster, Directory, Discovery, RpcClient, RpcServer};
use pitaya::message::{CodecError, Serializer};
use pitaya::prelude::*;
use pitaya::protocol::PacketType;
use standalone_tests::RawClient;

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

/// Servers push to users of two frontends, alone and in lists as it happens: each user is given
/// what each of them sent, in that order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn single_pushes_and_lists_of_one_sender_keep_their_order() {
    const PUSHES: usize = 4000;
    let nats = Nats::start().await;
    let users: Vec<String> = (0..8).map(|n| format!("user{n}")).collect();
    let fronts = [
        front(&nats, "g1", &users[..4]).await,
        front(&nats, "g2", &users[4..]).await,
    ];
    let mut sending = Vec::new();
    for sender in 0..3 {
        let client = peer::client(&nats, &peer::server("room", &format!("r{sender}"))).await;
        let users = users.clone();
        sending.push(tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(sender as u64);
            let mut sent: HashMap<(String, usize), Vec<usize>> = HashMap::new();
            for n in 0..PUSHES {
                let mut uids = users.clone();
                random.shuffle(&mut uids);
                // Strict turns, bursts of one kind, and anything between.
                let listed = match n / 1000 {
                    0 => n % 2 == 0,
                    1 => n % 50 < 25,
                    _ => random.bool(),
                };
                uids.truncate(if listed { random.usize(2..=8) } else { 1 });
                for uid in &uids {
                    sent.entry((uid.clone(), sender)).or_default().push(n);
                }
                let (route, data) = ("on".to_owned(), body(sender, n));
                if listed {
                    let list = UserList { route, data, uids, kick: false };
                    let sent = client.send_list("gate", list).await;
                    assert_eq!((sent.messages, sent.unreached), (1, vec![]));
                } else {
                    let uid = uids.remove(0);
                    client.push("gate", Push { route, data, uid }).await.unwrap();
                }
            }
            (client, sent)
        }));
    }
    let mut expected = HashMap::new();
    let mut clients = Vec::new();
    for sending in sending {
        let (client, sent) = sending.await.unwrap();
        clients.push(client);
        expected.extend(sent);
    }
    let all: usize = expected.values().map(Vec::len).sum();
    let noted = || fronts.iter().map(|front| front.station.noted.pushes.lock().len()).sum::<usize>();
    eventually("everything arrives", || noted() >= all).await;
    let given = given(&fronts);
    assert_eq!(given.len(), expected.len());
    for (key, sent) in &expected {
        assert!(given[key] == *sent, "{key:?}");
    }
    assert!(fronts.iter().all(|front| front.server.dropped_messages() == 0));
}

/// Tasks of one server push beside each other; each keeps its own order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_that_push_at_the_same_time_keep_their_own_order() {
    const PUSHES: usize = 1500;
    let nats = Nats::start().await;
    let users: Vec<String> = (0..4).map(|n| format!("user{n}")).collect();
    let fronts = [
        front(&nats, "g1", &users[..2]).await,
        front(&nats, "g2", &users[2..]).await,
    ];
    let client = Arc::new(peer::client(&nats, &peer::server("room", "r")).await);
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let (client, users) = (client.clone(), users.clone());
            tokio::spawn(async move {
                for n in 0..PUSHES {
                    let (route, data) = ("on".to_owned(), body(task, n));
                    if (n + task) % 3 == 0 {
                        let uids = users.clone();
                        let list = UserList { route, data, uids, kick: false };
                        assert_eq!(client.send_list("gate", list).await.unreached.len(), 0);
                        continue;
                    }
                    for uid in &users {
                        let (route, data, uid) = (route.clone(), data.clone(), uid.clone());
                        client.push("gate", Push { route, data, uid }).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = 6 * PUSHES * users.len();
    let noted = || fronts.iter().map(|front| front.station.noted.pushes.lock().len()).sum::<usize>();
    eventually("everything arrives", || noted() >= all).await;
    for (key, given) in given(&fronts) {
        assert!(given.iter().copied().eq(0..PUSHES), "{key:?}");
    }
}

#[tokio::test]
async fn lists_that_cannot_be_read_are_noted_and_lists_go_on() {
    let nats = Nats::start().await;
    let fronts = [front(&nats, "g1", &["ann".to_owned()]).await];
    let raw = nats.client().await;
    for payload in [&b"\xff\xff"[..], b"", b"\x1a\x03ann", b"\x0a\x02\xff\xfe"] {
        raw.publish("pitaya/gate/users", Bytes::copy_from_slice(payload)).await.unwrap();
    }
    let malformed = &fronts[0].station.noted.malformed;
    eventually("they are noted", || malformed.lock().len() == 4).await;
    // Who comes later was not there for the lists before it: nothing waits for those.
    let client = peer::client(&nats, &peer::server("room", "r")).await;
    let list = |kick| UserList {
        route: if kick { String::new() } else { "on".to_owned() },
        data: body(0, 1),
        uids: vec!["ann".to_owned(), "bob".to_owned(), "a b".to_owned()],
        kick,
    };
    let sent = client.send_list("gate", list(false)).await;
    assert_eq!(sent.unreached, ["a b"], "nobody of this name can be bound");
    eventually("it arrives", || fronts[0].station.noted.pushes.lock().len() == 1).await;
    let late = front(&nats, "g2", &["bob".to_owned()]).await;
    let push = |uid: &str| Push { route: "on".into(), uid: uid.into(), data: body(0, 2) };
    client.push("gate", push("bob")).await.unwrap();
    eventually("it arrives", || late.station.noted.pushes.lock().len() == 1).await;
    client.send_list("gate", list(true)).await;
    let kicked = |front: &Front| front.station.noted.kicks.lock().clone();
    let both = || kicked(&fronts[0]).len() + kicked(&late).len() == 2;
    eventually("both are kicked", both).await;
    assert_eq!(kicked(&late), [KickMsg { user_id: "bob".into() }]);
}

/// Counts how often it is encoded.
struct Counted(Arc<AtomicUsize>);

impl Body for Counted {
    fn encode(&self, _: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        out.extend_from_slice(b"news");
        Ok(())
    }

    fn decode(_: &Serializer, _: &[u8]) -> Result<Self, CodecError> {
        Err(CodecError("only sent".to_owned().into()))
    }
}
