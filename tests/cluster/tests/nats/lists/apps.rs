//! Whole apps push: how many messages that takes, and what clients see of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use futures_util::StreamExt as _;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use parking_lot::Mutex;
use pitaya::cluster::RpcServer;
use pitaya::cluster::discovery::local::{Hub, LocalDiscovery};
use pitaya::message::{AnyMessage, Codec, CodecError};
use pitaya::prelude::*;
use pitaya::protocol::PacketType;
use standalone_tests::RawClient;

use super::{body, front, given, pushes};
use crate::apps::Gate;
use crate::peer::{self, app};

/// Counts how often a message is encoded.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Codec for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn encode(&self, _: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        out.extend_from_slice(b"0 1");
        Ok(())
    }

    fn decode(&self, _: &[u8], _: &mut dyn AnyMessage) -> Result<(), CodecError> {
        Err(CodecError("nobody reads here".into()))
    }
}

#[message]
struct News {
    text: String,
}

/// Lists a frontend that is no app; it says that it takes lists, or not, as Go servers do.
async fn announce(hub: &Hub, id: &str, takes_lists: bool) -> LocalDiscovery {
    let mut own = peer::server("gate", id);
    if takes_lists {
        own.metadata.insert("userlists".to_owned(), "1".to_owned());
    }
    peer::announce(hub, &own).await
}

/// Counts the messages of each subject from now on.
async fn count(nats: &Nats) -> Arc<Mutex<HashMap<String, usize>>> {
    let client = nats.client().await;
    let mut all = Nats::subscribe(&client, ">").await;
    let counts = Arc::<Mutex<HashMap<_, _>>>::default();
    let counted = counts.clone();
    tokio::spawn(async move {
        let _client = client;
        while let Some(message) = all.next().await {
            *counted
                .lock()
                .entry(message.subject.to_string())
                .or_default() += 1;
        }
    });
    counts
}

const LISTS: &str = "pitaya/gate/users";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_users_of_four_frontends_are_sent_two_messages() {
    const USERS: usize = 10_000;
    let (nats, hub) = (Nats::start().await, Hub::new());
    let users: Vec<String> = (0..USERS).map(|n| format!("user{n:05}")).collect();
    let mut fronts = Vec::new();
    let mut announced = Vec::new();
    for (n, users) in users.chunks(USERS / 4).enumerate() {
        let id = format!("g{n}");
        announced.push(announce(&hub, &id, true).await);
        let front = front(&nats, &id, &[]).await;
        *front.station.users.lock() = vec!["nobody".to_owned()];
        let uids: Vec<Uid> = users.iter().map(|uid| Uid::from(&**uid)).collect();
        for uids in uids.chunks(500) {
            let bound = uids.iter().map(|uid| front.server.user_bound(uid));
            for bound in futures_util::future::join_all(bound).await {
                bound.unwrap();
            }
        }
        fronts.push(front);
    }
    let codec = Counting::default();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let room = app("room", &nats, &hub)
        .codec(codec.clone())
        .recorder(Arc::new(recorder))
        .start()
        .await
        .unwrap();
    let counts = count(&nats).await;
    let news = News {
        text: "x".to_owned(),
    };
    let pushed = room
        .handle()
        .push_to_users("gate", &*users, "on", &news)
        .await
        .unwrap();
    assert_eq!(pushed.unreached, []);
    eventually("everybody has it", || pushes(&fronts) >= USERS).await;
    room.handle().groups().create("all").await.unwrap();
    for uid in &users {
        room.handle().groups().add_member("all", uid).await.unwrap();
    }
    let groups = room.handle().groups();
    let cast = groups.broadcast("gate", "all", "on", &news).await.unwrap();
    assert_eq!(cast.unreached, []);
    eventually("everybody has it again", || pushes(&fronts) >= 2 * USERS).await;
    let kicked = room.handle().kick_users("gate", &*users).await.unwrap();
    assert_eq!(kicked.unreached, []);
    let kicks = || {
        fronts
            .iter()
            .map(|front| front.station.noted.kicks.lock().len())
            .sum::<usize>()
    };
    eventually("everybody is kicked", || kicks() >= USERS).await;
    for (_, pushes) in given(&fronts) {
        assert_eq!(pushes, [1, 1], "once each time");
    }
    assert_eq!(kicks(), USERS);
    assert_eq!(codec.0.load(Ordering::Relaxed), 2, "once for each push");
    eventually("every message is counted", || {
        counts.lock().get(LISTS) == Some(&6)
    })
    .await;
    let singles = counts
        .lock()
        .keys()
        .filter(|subject| subject.contains("/user/"))
        .count();
    assert_eq!(singles, 0);
    let counted = snapshotter.snapshot().into_vec().into_iter();
    let counted: Vec<_> = counted
        .filter(|(key, ..)| key.key().name() == "pitaya_push_messages_total")
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
            (labels.join(" "), value)
        })
        .collect();
    assert!(
        counted.contains(&("list".to_owned(), DebugValue::Counter(6))),
        "{counted:?}"
    );
    room.shutdown().await;
}

/// A frontend that takes no lists is among them: one message a user, for all of them.
#[tokio::test]
async fn nobody_is_missed_or_told_twice_beside_a_frontend_without_lists() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let users: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let fronts = [
        front(&nats, "g1", &users[..20]).await,
        front(&nats, "g2", &users[20..]).await,
    ];
    let _ours = announce(&hub, "g1", true).await;
    let room = app("room", &nats, &hub).start().await.unwrap();
    let counts = count(&nats).await;
    let room_here = room.handle();
    let push_to = async |users: &[String], n| {
        let body = body(0, n);
        let pushed = room_here.push_to_users("gate", users, "on", &body);
        assert_eq!(pushed.await.unwrap().unreached, []);
    };
    let mut n = 0;
    // The other one comes and goes.
    for _ in 0..3 {
        let other = announce(&hub, "g2", false).await;
        let seen = |n| room.handle().directory().of_kind("gate").len() == n;
        eventually("it is seen", || seen(2)).await;
        for _ in 0..2 {
            push_to(&users, n).await;
            n += 1;
        }
        let listed = counts.lock().get(LISTS).copied().unwrap_or_default();
        assert_eq!(listed, n / 3);
        drop(other);
        eventually("it is gone", || seen(1)).await;
        push_to(&users, n).await;
        n += 1;
        let sent = || counts.lock().get(LISTS).copied().unwrap_or_default() == n / 3;
        eventually("it went as a list", sent).await;
        eventually("everybody has all", || pushes(&fronts) >= n * users.len()).await;
    }
    for (user, given) in given(&fronts) {
        assert!(given.iter().copied().eq(0..n), "{user:?}: {given:?}");
    }
    room.shutdown().await;
}

struct Room;

#[handler]
impl Room {
    /// Counts up to the number in the body: to this client alone and to both in turns.
    async fn count(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let both = ["ann", "bob"];
        let most: usize = String::from_utf8_lossy(&body).parse().internal()?;
        for n in 0..most {
            let number = Bytes::from(n.to_string());
            if n % 3 == 0 {
                ctx.session().push("onOwn", &number).await?;
            } else {
                let pushed = ctx
                    .app()
                    .push_to_users("gate", both, "onBoth", &number)
                    .await?;
                pushed.into_result()?;
            }
        }
        Ok(body)
    }
}

#[tokio::test]
async fn the_key_of_a_push_holds_on_the_clients_server() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    standalone_tests::latest::keys_hold_on_the_clients_server(|kind| app(kind, &nats, &hub)).await;
}

/// Whole apps, with clients on two frontends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_see_a_backends_pushes_in_its_order() {
    const MOST: usize = 900;
    let (nats, hub) = (Nats::start().await, Hub::new());
    let mut gates = Vec::new();
    for _ in 0..2 {
        let gate = app("gate", &nats, &hub)
            .handler(Gate)
            .acceptor(Tcp::bind("127.0.0.1:0"));
        gates.push(gate.start().await.unwrap());
    }
    let room = app("room", &nats, &hub)
        .handler(Room)
        .start()
        .await
        .unwrap();
    let frontends = room.handle().directory().of_kind("gate");
    assert!(frontends.iter().all(|server| server.takes_lists()));
    let mut clients = Vec::new();
    for (gate, uid) in gates.iter().zip(["ann", "bob"]) {
        let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
        let bound = client.call(1, "gate.bind", uid.as_bytes()).await;
        assert_eq!(bound.text(), uid);
        clients.push(client);
    }
    clients[0]
        .request(2, "room.room.count", MOST.to_string().as_bytes())
        .await;
    let mut answered = false;
    let mut expected = (0..MOST).peekable();
    while !answered || expected.peek().is_some() {
        let message = clients[0].message().await;
        if message.id == 2 {
            assert!(!message.error, "{}", message.text());
            answered = true;
        } else {
            assert_eq!(message.text(), expected.next().unwrap().to_string());
        }
    }
    for n in (0..MOST).filter(|n| n % 3 != 0) {
        assert_eq!(clients[1].message().await.text(), n.to_string());
    }
    // Kicks travel in the same way.
    let kicked = room
        .handle()
        .kick_users("gate", ["ann", "bob"])
        .await
        .unwrap();
    assert_eq!(kicked.unreached, []);
    for client in &mut clients {
        let last = client.rest().await.pop();
        assert_eq!(last.map(|(kind, _)| kind), Some(PacketType::Kick));
    }
    room.shutdown().await;
    for gate in gates {
        gate.shutdown().await;
    }
}
