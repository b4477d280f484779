//! Pushes and kicks to many users in few messages: order with single ones, nobody twice, nobody
//! missed, also beside frontends that take no lists.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster_tests::eventually;
use cluster_tests::nats::Nats;
use futures_util::StreamExt as _;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use parking_lot::Mutex;
use pitaya::cluster::discovery::local::{Hub, LocalDiscovery};
use pitaya::cluster::rpc::nats::NatsServer;
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request, Response, UserList};
use pitaya::cluster::{Cluster, Directory, Discovery, Inbox, RpcClient, RpcServer};
use pitaya::handler::BoxFuture;
use pitaya::message::{AnyMessage, Codec, CodecError};
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
                    let list = UserList {
                        route,
                        data,
                        uids,
                        kick: false,
                    };
                    let sent = client.send_list("gate", list).await;
                    assert_eq!((sent.messages, sent.unreached), (1, vec![]));
                } else {
                    let uid = uids.remove(0);
                    client
                        .push("gate", Push { route, data, uid })
                        .await
                        .unwrap();
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
    let noted = || {
        fronts
            .iter()
            .map(|front| front.station.noted.pushes.lock().len())
            .sum::<usize>()
    };
    eventually("everything arrives", || noted() >= all).await;
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
        let (route, data) = ("on".to_owned(), body(0, n));
        // Bursts of both.
        if n % 200 < 50 {
            let uids = vec!["ann".to_owned(), "bob".to_owned()];
            let list = UserList {
                route,
                data,
                uids,
                kick: false,
            };
            client.send_list("gate", list).await;
        } else {
            let uid = "ann".to_owned();
            client
                .push("gate", Push { route, data, uid })
                .await
                .unwrap();
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
                    let (route, data) = ("on".to_owned(), body(task, n));
                    if (n + task) % 3 == 0 {
                        let uids = users.clone();
                        let list = UserList {
                            route,
                            data,
                            uids,
                            kick: false,
                        };
                        assert_eq!(client.send_list("gate", list).await.unreached.len(), 0);
                        continue;
                    }
                    for uid in &users {
                        let (route, data, uid) = (route.clone(), data.clone(), uid.clone());
                        client
                            .push("gate", Push { route, data, uid })
                            .await
                            .unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = 6 * PUSHES * users.len();
    let noted = || {
        fronts
            .iter()
            .map(|front| front.station.noted.pushes.lock().len())
            .sum::<usize>()
    };
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
        raw.publish("pitaya/gate/users", Bytes::copy_from_slice(payload))
            .await
            .unwrap();
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
    eventually("it arrives", || {
        fronts[0].station.noted.pushes.lock().len() == 1
    })
    .await;
    let late = front(&nats, "g2", &["bob".to_owned()]).await;
    let push = |uid: &str| Push {
        route: "on".into(),
        uid: uid.into(),
        data: body(0, 2),
    };
    client.push("gate", push("bob")).await.unwrap();
    eventually("it arrives", || late.station.noted.pushes.lock().len() == 1).await;
    client.send_list("gate", list(true)).await;
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

fn app(kind: &str, nats: &Nats, hub: &Hub) -> pitaya::app::AppBuilder {
    let mut config = Config::for_test();
    config.cluster.nats.client.link.connect = vec![nats.url()];
    config.cluster.nats.server.link.connect = vec![nats.url()];
    let cluster = Cluster::nats(Arc::new(LocalDiscovery::new(hub)));
    App::builder(kind).config(config).cluster(cluster)
}

/// Lists a frontend that is no app; it says that it takes lists, or not, as Go servers do.
async fn announce(hub: &Hub, id: &str, takes_lists: bool) -> LocalDiscovery {
    let mut own = peer::server("gate", id);
    if takes_lists {
        own.metadata.insert("userlists".to_owned(), "1".to_owned());
    }
    let discovery = LocalDiscovery::new(hub);
    let directory = Arc::new(Directory::default());
    discovery.watch(&own, directory).await.unwrap();
    discovery.register(&own).await.unwrap();
    discovery
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
    let pushes = || {
        fronts
            .iter()
            .map(|front| front.station.noted.pushes.lock().len())
            .sum::<usize>()
    };
    eventually("everybody has it", || pushes() >= USERS).await;
    room.handle().groups().create("all").await.unwrap();
    for uid in &users {
        room.handle().groups().add_member("all", uid).await.unwrap();
    }
    let groups = room.handle().groups();
    let cast = groups.broadcast("gate", "all", "on", &news).await.unwrap();
    assert_eq!(cast.unreached, []);
    eventually("everybody has it again", || pushes() >= 2 * USERS).await;
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
    let pushes = || {
        fronts
            .iter()
            .map(|front| front.station.noted.pushes.lock().len())
            .sum::<usize>()
    };
    let mut n = 0;
    // The other one comes and goes.
    for _ in 0..3 {
        let other = announce(&hub, "g2", false).await;
        let seen = |n| room.handle().directory().of_kind("gate").len() == n;
        eventually("it is seen", || seen(2)).await;
        for _ in 0..2 {
            let body = body(0, n);
            let pushed = room
                .handle()
                .push_to_users("gate", &*users, "on", &body)
                .await
                .unwrap();
            assert_eq!(pushed.unreached, []);
            n += 1;
        }
        let listed = counts.lock().get(LISTS).copied().unwrap_or_default();
        assert_eq!(listed, n / 3);
        drop(other);
        eventually("it is gone", || seen(1)).await;
        let body = body(0, n);
        let pushed = room
            .handle()
            .push_to_users("gate", &*users, "on", &body)
            .await
            .unwrap();
        assert_eq!(pushed.unreached, []);
        n += 1;
        let sent = || counts.lock().get(LISTS).copied().unwrap_or_default() == n / 3;
        eventually("it went as a list", sent).await;
        eventually("everybody has all", || pushes() >= n * users.len()).await;
    }
    for (user, given) in given(&fronts) {
        assert!(given.iter().copied().eq(0..n), "{user:?}: {given:?}");
    }
    room.shutdown().await;
}

struct Gate;

#[handler]
impl Gate {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session()
            .bind(String::from_utf8_lossy(&uid).into_owned())
            .await?;
        Ok(uid)
    }
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
