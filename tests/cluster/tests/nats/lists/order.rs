//! Of what one server sends each user is given everything, in order, by whichever way it came.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use pitaya::cluster::rpc::nats::NatsServer;
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request, Response};
use pitaya::cluster::{Inbox, RpcClient, RpcServer};
use pitaya::handler::BoxFuture;
use pitaya::uid::Uid;

use super::{Front, body, front, given, list, pushes};
use crate::peer::{self, Station};

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
                if listed {
                    let sent = client.send_list("gate", list(&uids, body(sender, n))).await;
                    assert_eq!((sent.messages, sent.unreached), (1, vec![]));
                } else {
                    let push = peer::push(&uids[0], body(sender, n));
                    client.push("gate", push).await.unwrap();
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
    eventually("everything arrives", || pushes(&fronts) >= all).await;
    let given = given(&fronts);
    assert_eq!(given.len(), expected.len());
    for (key, sent) in &expected {
        assert!(given[key] == *sent, "{key:?}");
    }
    assert!(
        fronts
            .iter()
            .all(|front| front.server.dropped_messages() == 0)
    );
}

/// Takes its time for every push, so that queues fill.
struct Slow(Arc<Station>);

impl Inbox for Slow {
    fn request(&self, request: Request) -> BoxFuture<'static, Response> {
        self.0.request(request)
    }

    fn push(&self, push: Push) -> bool {
        std::thread::sleep(Duration::from_micros(100));
        self.0.push(push)
    }

    fn kick(&self, kick: KickMsg) -> bool {
        self.0.kick(kick)
    }

    fn bound(&self, bind: BindMsg) {
        self.0.bound(bind);
    }

    fn malformed(&self, subject: &str, problem: &str) {
        self.0.malformed(subject, problem);
    }
}

/// A list comes while single pushes before it still wait, and single pushes while lists do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_waits_on_one_way_is_not_overtaken_on_the_other() {
    const PUSHES: usize = 3000;
    let nats = Nats::start().await;
    let station = Station::echo();
    let mut config = peer::server_config(&nats);
    config.buffer_messages = 100_000;
    let server = NatsServer::new(config);
    let inbox = Arc::new(Slow(station.clone()));
    server
        .start(&peer::server("gate", "g1"), inbox)
        .await
        .unwrap();
    for uid in ["ann", "bob"] {
        server.user_bound(&Uid::from(uid)).await.unwrap();
    }
    let client = peer::client(&nats, &peer::server("room", "r")).await;
    for n in 0..PUSHES {
        // Bursts of both.
        if n % 200 < 50 {
            let list = list(&["ann", "bob"], body(0, n));
            client.send_list("gate", list).await;
        } else {
            let push = peer::push("ann", body(0, n));
            client.push("gate", push).await.unwrap();
        }
    }
    let noted = || station.noted.pushes.lock().len();
    eventually("everything arrives", || noted() == PUSHES + PUSHES / 4).await;
    let given = given(&[Front {
        station: station.clone(),
        server,
    }]);
    assert!(given[&("ann".to_owned(), 0)].iter().copied().eq(0..PUSHES));
    let listed = (0..PUSHES).filter(|n| n % 200 < 50);
    assert!(given[&("bob".to_owned(), 0)].iter().copied().eq(listed));
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
                    if (n + task) % 3 == 0 {
                        let list = list(&users, body(task, n));
                        assert_eq!(client.send_list("gate", list).await.unreached.len(), 0);
                        continue;
                    }
                    for uid in &users {
                        let push = peer::push(uid, body(task, n));
                        client.push("gate", push).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = 6 * PUSHES * users.len();
    eventually("everything arrives", || pushes(&fronts) >= all).await;
    for (key, given) in given(&fronts) {
        assert!(given.iter().copied().eq(0..PUSHES), "{key:?}");
    }
}
