//! Whole apps over NATS: forwarding, calls, sessions of other servers, one session a user.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster_tests::etcd::Etcd;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use etcd_client::WatchOptions;
use pitaya::App;
use pitaya::cluster::Cluster;
use pitaya::cluster::discovery::local::Hub;
use pitaya::cluster::wire::{BindMsg, Msg, Request};
use pitaya::prelude::*;
use pitaya::protocol::PacketType;
use prost::Message as _;
use standalone_tests::RawClient;
use tokio::sync::Notify;

use crate::peer::{app, config};

pub(crate) struct Gate;

#[handler]
impl Gate {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session()
            .bind(String::from_utf8_lossy(&uid).into_owned())
            .await?;
        Ok(uid)
    }

    async fn get(&self, ctx: &Context<'_>) -> Result<Bytes> {
        Ok(ctx
            .session()
            .get::<String>("seat")?
            .unwrap_or_default()
            .into())
    }
}

#[derive(Default)]
struct Room {
    told: Arc<Notify>,
}

#[handler]
impl Room {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn tell(&self, _body: Bytes) {
        self.told.notify_one();
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("ROOM-1", "full").with_metadata("room", "r1"))
    }

    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session()
            .bind(String::from_utf8_lossy(&uid).into_owned())
            .await?;
        ctx.session().push("onBound", &uid).await?;
        ctx.session().set("seat", "7")?;
        ctx.session().push_to_front().await?;
        Ok(uid)
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<()> {
        ctx.session().kick().await
    }
}

async fn gate(nats: &Nats, hub: &Hub) -> App {
    frontend("gate", nats, hub).await
}

async fn frontend(kind: &str, nats: &Nats, hub: &Hub) -> App {
    app(kind, nats, hub)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Gate)
        .start()
        .await
        .unwrap()
}

async fn room(nats: &Nats, hub: &Hub, room: Room) -> App {
    app("room", nats, hub).handler(room).start().await.unwrap()
}

async fn player(gate: &App) -> RawClient {
    RawClient::connect(gate.local_addr(0).unwrap()).await
}

#[tokio::test]
async fn messages_are_forwarded_and_answered() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let told = Arc::new(Notify::new());
    let gate = gate(&nats, &hub).await;
    let room = room(&nats, &hub, Room { told: told.clone() }).await;
    let mut client = player(&gate).await;
    assert_eq!(client.call(1, "room.room.echo", b"hi").await.text(), "hi");
    let failed = client.call(2, "room.room.fail", b"").await;
    assert!(failed.error);
    assert_eq!(
        failed.text(),
        r#"{"code":"ROOM-1","msg":"full","metadata":{"room":"r1"}}"#
    );
    client.notify("room.room.tell", b"").await;
    tokio::time::timeout(DEADLINE, told.notified())
        .await
        .expect("the notify arrives");
    for id in 10..200 {
        client
            .request(id, "room.room.echo", id.to_string().as_bytes())
            .await;
    }
    for id in 10..200 {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id, id.to_string().as_str()));
    }
    let big = client
        .call(3, "room.room.echo", &vec![b'x'; (1 << 20) - 64])
        .await;
    assert!(big.error, "what the bus cannot carry is an error");
    assert_eq!(
        big.text(),
        r#"{"code":"PIT-400","msg":"nats: maximum payload exceeded"}"#
    );
    assert_eq!(
        client.call(4, "room.room.echo", b"still").await.text(),
        "still"
    );
    room.shutdown().await;
    let failed = client.call(5, "room.room.echo", b"").await;
    assert_eq!(
        failed.text(),
        r#"{"code":"PIT-500","msg":"no servers available of this type"}"#
    );
    gate.shutdown().await;
}

#[tokio::test]
async fn a_backend_acts_on_a_clients_session() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let room = room(&nats, &hub, Room::default()).await;
    let mut client = player(&gate).await;
    client.request(1, "room.room.bind", b"ann").await;
    let (first, second) = (client.message().await, client.message().await);
    let (push, answer) = if first.id == 0 {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!((push.route.as_str(), push.text()), ("onBound", "ann"));
    assert_eq!((answer.id, answer.text()), (1, "ann"));
    assert_eq!(client.call(2, "gate.gate.get", b"").await.text(), "7");
    assert!(gate.handle().sessions().by_uid("ann").is_some());
    let refused = client.call(3, "room.room.bind", b"bob").await;
    assert_eq!(
        refused.text(),
        r#"{"code":"PIT-000","msg":"session is already bound to an uid"}"#
    );
    client.notify("room.room.kick", b"").await;
    let last = client.rest().await.pop();
    assert_eq!(last.map(|(kind, _)| kind), Some(PacketType::Kick));
    room.shutdown().await;
    gate.shutdown().await;
}

#[tokio::test]
async fn a_uid_that_the_bus_cannot_carry_is_not_bound() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let mut client = player(&gate).await;
    let refused = client.call(1, "gate.bind", b"two words").await;
    assert!(
        refused
            .text()
            .contains("nats: invalid subject: the uid has a space"),
        "{}",
        refused.text()
    );
    assert_eq!(client.call(2, "gate.bind", b"one").await.text(), "one");
    gate.shutdown().await;
}

/// A bind as Go servers announce it, without a time.
async fn announce(raw: &async_nats::Client, kind: &str, uid: &str, server: &str) {
    let bind = BindMsg {
        uid: uid.to_owned(),
        fid: server.to_owned(),
        epoch: 0,
    };
    let subject = format!("pitaya/{kind}/bindings");
    raw.publish(subject, bind.encode_to_vec().into())
        .await
        .expect("it is connected");
}

#[tokio::test]
async fn a_bind_elsewhere_ends_the_session_and_ones_own_announcement_does_not() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let lobby = frontend("lobby", &nats, &hub).await;
    let room = room(&nats, &hub, Room::default()).await;
    let raw = nats.client().await;
    let [mut ann, mut bob] = [player(&gate).await, player(&gate).await];
    let mut ann_there = player(&lobby).await;
    ann.call(1, "gate.bind", b"ann").await;
    bob.call(1, "gate.bind", b"bob").await;
    ann_there.call(1, "gate.bind", b"ann").await;

    announce(&raw, "gate", "ann", &gate.handle().server().id).await;
    announce(&raw, "gate", "nobody", "elsewhere").await;
    // One server reads announcements in order: this one is noticed after the others.
    announce(&raw, "gate", "bob", "elsewhere").await;
    assert_eq!(bob.rest().await, [(PacketType::Kick, Vec::new())]);
    assert_eq!(ann.call(2, "gate.gate.get", b"").await.text(), "");

    // What backends announce to each other is about no client.
    announce(&raw, "room", "ann", "elsewhere").await;
    assert_eq!(ann.call(3, "room.room.echo", b"hi").await.text(), "hi");
    announce(&raw, "gate", "ann", "elsewhere").await;
    assert_eq!(ann.rest().await, [(PacketType::Kick, Vec::new())]);
    let there = ann_there.call(2, "lobby.gate.get", b"").await;
    assert_eq!((there.error, there.text()), (false, ""));
    for app in [room, lobby, gate] {
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_can_be_called_from_the_moment_its_record_is_there() {
    let (nats, etcd) = tokio::join!(Nats::start(), Etcd::start());
    let raw = nats.client().await;
    for _ in 0..10 {
        let options = WatchOptions::new().with_prefix();
        let mut watch = etcd
            .client()
            .await
            .watch("pitaya/servers/", Some(options))
            .await
            .expect("etcd answers");
        let mut config = config(&nats);
        config.cluster.etcd.endpoints = vec![etcd.endpoint()];
        let app = App::builder("room")
            .config(config)
            .handler(Room::default())
            .cluster(Cluster::nats_etcd());
        let asking = async {
            let key = tokio::time::timeout(DEADLINE, async {
                loop {
                    let seen = watch.message().await.expect("etcd answers");
                    let seen = seen.expect("the watch lives");
                    if let Some(record) = seen.events().first().and_then(|event| event.kv()) {
                        return record.key().to_vec();
                    }
                }
            });
            let key = key.await.expect("it is announced");
            let subject = String::from_utf8(key).expect("a key is text");
            // The default prefix makes the record's key and the subject the same text.
            let request = Request {
                msg: Some(Msg {
                    route: "room.room.echo".to_owned(),
                    data: Bytes::from_static(b"hi"),
                    ..Msg::default()
                }),
                metadata: Bytes::from_static(b"{}"),
                ..Request::default()
            };
            let reply = raw.request(subject, request.encode_to_vec().into()).await;
            reply.expect("somebody listens").payload
        };
        let (app, answer) = tokio::join!(app.start(), asking);
        assert_eq!(&*answer, b"\x0a\x02hi");
        app.expect("it starts").shutdown().await;
    }
}

/// Two clients bind one user on two frontends at the same time: one of them is kicked, never both,
/// never none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_binds_at_once_exactly_one_survives() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let gates = [gate(&nats, &hub).await, gate(&nats, &hub).await];
    for round in 0..100 {
        let uid = format!("user{round}");
        let [mut one, mut two] = [player(&gates[0]).await, player(&gates[1]).await];
        // Which of them begins differs from round to round.
        let (first, second) = if round % 2 == 0 {
            (&mut one, &mut two)
        } else {
            (&mut two, &mut one)
        };
        first.request(1, "gate.bind", uid.as_bytes()).await;
        second.request(1, "gate.bind", uid.as_bytes()).await;
        let (answer_one, answer_two) = tokio::join!(one.packet(), two.packet());
        let answered = [answer_one, answer_two].map(|packet| packet.map(|(kind, _)| kind));
        let here = || {
            gates
                .each_ref()
                .map(|gate| gate.handle().sessions().by_uid(&uid).is_some())
        };
        eventually("one is left", || {
            here().iter().filter(|here| **here).count() == 1
        })
        .await;
        let winner = usize::from(here()[1]);
        let [winning, losing] = if winner == 0 {
            [&mut one, &mut two]
        } else {
            [&mut two, &mut one]
        };
        assert_eq!(answered[winner], Some(PacketType::Data), "round {round}");
        let kicked = answered[1 - winner] == Some(PacketType::Kick)
            || losing.rest().await.last().map(|(kind, _)| *kind) == Some(PacketType::Kick);
        assert!(kicked, "round {round}");
        assert_eq!(
            winning.call(2, "gate.get", b"").await.text(),
            "",
            "round {round}"
        );
        assert_eq!(
            here().iter().filter(|here| **here).count(),
            1,
            "round {round}"
        );
    }
    for gate in gates {
        gate.shutdown().await;
    }
}

/// Waits until the app says that it is ready, or is not.
async fn until_ready(app: &App, ready: bool) {
    let start = std::time::Instant::now();
    while app.handle().is_ready().await != ready {
        assert!(start.elapsed() < DEADLINE, "ready: {}", !ready);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn local_play_goes_on_without_a_bus() {
    let (mut nats, hub) = (Nats::start().await, Hub::new());
    let gate = gate(&nats, &hub).await;
    let room = room(&nats, &hub, Room::default()).await;
    let mut client = player(&gate).await;
    assert_eq!(client.call(1, "room.room.echo", b"hi").await.text(), "hi");
    assert!(gate.handle().is_ready().await);
    nats.kill();
    // Not waiting for the outage to be noticed: calls of any moment are answered.
    client.request(2, "room.room.echo", b"lost").await;
    assert_eq!(client.call(3, "gate.get", b"").await.text(), "");
    assert_eq!(client.call(4, "gate.bind", b"ann").await.text(), "ann");
    until_ready(&gate, false).await;
    let cut_off =
        "cluster: calls out NOT connected, calls in NOT connected, servers: gate 1 room 1\n";
    eventually("the report says so", || {
        gate.report().to_string().contains(cut_off)
    })
    .await;
    nats.restart().await;
    until_ready(&gate, true).await;
    let lost = client.message().await;
    assert_eq!(
        lost.id,
        2,
        "answered once, with the reply or an error: {}",
        lost.text()
    );
    let start = std::time::Instant::now();
    let mut id = 10;
    while client.call(id, "room.room.echo", b"back").await.error {
        assert!(start.elapsed() < DEADLINE, "forwarding does not work again");
        id += 1;
    }
    room.shutdown().await;
    tokio::time::timeout(Duration::from_secs(60), gate.shutdown())
        .await
        .expect("it ends");
}

#[tokio::test]
async fn an_app_does_not_start_without_a_bus() {
    let (mut nats, hub) = (Nats::start().await, Hub::new());
    nats.kill();
    let mut config = config(&nats);
    config.cluster.nats.client.link.max_reconnects = 1;
    let started = app("room", &nats, &hub)
        .config(config)
        .handler(Room::default())
        .start()
        .await;
    let error = started.err().expect("nobody is there").to_string();
    assert!(error.contains("the cluster's transport"), "{error}");
    assert!(hub.servers().is_empty(), "nobody is announced");
}

#[tokio::test]
async fn an_app_that_stops_leaves_no_tasks() {
    let (nats, hub) = (Nats::start().await, Hub::new());
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    eventually("this test is alone", || tasks() == 0).await;
    for _ in 0..3 {
        let gate = gate(&nats, &hub).await;
        let mut client = player(&gate).await;
        assert_eq!(client.call(1, "gate.bind", b"ann").await.text(), "ann");
        gate.shutdown().await;
        drop(client);
        eventually("every task ends", || tasks() == 0).await;
    }
}
