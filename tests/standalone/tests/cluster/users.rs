//! Pushes, kicks and groups reach users on whichever server they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use pitaya::app::{Delivery, Member};
use pitaya::cluster::rpc::LocalRpc;
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request, Response, UserList};
use pitaya::cluster::{Inbox, RpcClient, RpcServer, ServerInfo};
use pitaya::handler::BoxFuture;
use pitaya::message::{AnyMessage, Codec, CodecError};
use pitaya::prelude::*;
use pitaya::protocol::packet::PacketType;

use crate::support::*;

/// Text as it is, counted.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Codec for Counted {
    fn name(&self) -> &str {
        "counted"
    }

    fn encode(&self, value: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        value.encode_json(out)
    }

    fn decode(&self, bytes: &[u8], value: &mut dyn AnyMessage) -> Result<(), CodecError> {
        value.decode_json(bytes)
    }
}

#[message]
struct News {
    text: String,
}

fn news() -> News {
    News {
        text: "x".to_owned(),
    }
}

const NEWS: &str = r#"{"text":"x"}"#;

async fn user(gate: &Gate, uid: &str) -> Client {
    let client = gate.connect().await;
    let sessions = gate.handle().sessions().all();
    sessions
        .into_iter()
        .max_by_key(Session::id)
        .unwrap()
        .bind(uid)
        .await
        .unwrap();
    client
}

fn unreached(delivery: Result<Delivery>) -> Vec<String> {
    let unreached = delivery.expect("it was sent").unreached;
    unreached.iter().map(|uid| uid.to_string()).collect()
}

struct Scene {
    one: Gate,
    two: Gate,
    lobby: Gate,
    room: App,
    ada: Client,
    bob: Client,
    /// The same user id, at another type of frontend.
    other_ada: Client,
    encoded: Arc<AtomicUsize>,
}

async fn scene() -> Scene {
    let world = World::default();
    let codec = Counted::default();
    let encoded = codec.0.clone();
    let gate = |kind: &str| Gate::start(world.app(kind).codec(codec.clone()));
    let (one, two, lobby) = (gate("gate").await, gate("gate").await, gate("lobby").await);
    let room = world.backend(world.app("room").codec(codec.clone())).await;
    let (ada, bob) = (user(&one, "ada").await, user(&two, "bob").await);
    let other_ada = user(&lobby, "ada").await;
    Scene {
        one,
        two,
        lobby,
        room,
        ada,
        bob,
        other_ada,
        encoded,
    }
}

impl Scene {
    /// A frontend that has the user, one of the type that has not, and a backend.
    fn senders(&self) -> [&AppHandle; 4] {
        [
            self.one.handle(),
            self.two.handle(),
            self.lobby.handle(),
            self.room.handle(),
        ]
    }

    async fn end(self) {
        for gate in [self.one, self.two, self.lobby] {
            gate.app.shutdown().await;
        }
        self.room.shutdown().await;
    }
}

#[tokio::test]
async fn a_push_reaches_its_users_from_every_server_and_is_encoded_once() {
    let mut scene = scene().await;
    for n in 0..4 {
        let before = scene.encoded.load(Ordering::Relaxed);
        let sender = scene.senders()[n].clone();
        let delivery = sender
            .push_to_users("gate", ["ada", "eve", "bob"], "on", &news())
            .await;
        assert_eq!(unreached(delivery), ["eve"]);
        assert_eq!(scene.encoded.load(Ordering::Relaxed), before + 1);
        for client in [&mut scene.ada, &mut scene.bob] {
            let push = client.message().await;
            assert_eq!((push.route.as_str(), push.text()), ("on", NEWS));
        }
        let raw = Bytes::from_static(b"\x00raw");
        let delivery = sender.push_to_users("gate", ["bob"], "on", &raw).await;
        delivery.unwrap().into_result().unwrap();
        assert_eq!(scene.bob.message().await.body, b"\x00raw");
    }
    // The user of the same id at the other type has had none of that.
    let room = scene.room.handle();
    room.push_to_users("lobby", ["ada"], "hello", &news())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(scene.other_ada.message().await.route, "hello");
    scene.end().await;
}

#[tokio::test]
async fn compressed_or_not_the_client_reads_the_same() {
    let world = World::default();
    let compressing = || {
        let mut config = Config::for_test();
        config.handler.compression = true;
        config
    };
    let plain = world.gate().await;
    let other = Gate::start(world.app("gate").config(compressing())).await;
    let room = world.backend(world.app("room").config(compressing())).await;
    let (mut ada, mut bob) = (user(&plain, "ada").await, user(&other, "bob").await);
    let long = Bytes::from(b"again and ".repeat(100));
    for sender in [plain.handle(), other.handle(), room.handle()] {
        let delivery = sender
            .push_to_users("gate", ["ada", "bob"], "on", &long)
            .await;
        delivery.unwrap().into_result().unwrap();
        let (to_ada, to_bob) = (ada.message().await, bob.message().await);
        assert_eq!((to_ada.compressed, &to_ada.body), (false, &long.to_vec()));
        assert_eq!((to_bob.compressed, &to_bob.body), (true, &long.to_vec()));
    }
    for gate in [plain, other] {
        gate.app.shutdown().await;
    }
    room.shutdown().await;
}

#[tokio::test]
async fn kicks_reach_their_users_from_every_server() {
    let scene = scene().await;
    for (sender, mut client, uid) in [
        (scene.room.handle().clone(), scene.ada, "ada"),
        (scene.one.handle().clone(), scene.bob, "bob"),
    ] {
        let delivery = sender.kick_users("gate", [uid, "eve"]).await;
        assert_eq!(unreached(delivery), ["eve"]);
        assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    }
    assert!(
        scene.lobby.handle().sessions().by_uid("ada").is_some(),
        "another type's user stays"
    );
    for gate in [scene.one, scene.two, scene.lobby] {
        gate.app.shutdown().await;
    }
    scene.room.shutdown().await;
}

#[tokio::test]
async fn a_frontend_type_has_to_be_named_on_a_backend() {
    let scene = scene().await;
    let text =
        "for using SendPushToUsers from a backend server you have to specify a valid frontendType";
    let room = scene.room.handle();
    room.groups().create("hall").await.unwrap();
    let errors = [
        room.push_to_users("", ["ada"], "on", &news())
            .await
            .unwrap_err(),
        room.kick_users("", ["ada"]).await.unwrap_err(),
        room.groups()
            .broadcast("", "hall", "on", &news())
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.code(), error.message()), ("PIT-000", text));
    }
    // On a frontend nobody is of no type, and the sender is told.
    let one = scene.one.handle();
    assert_eq!(
        unreached(one.push_to_users("", ["ada"], "on", &news()).await),
        ["ada"]
    );
    assert_eq!(unreached(one.kick_users("", ["ada"]).await), ["ada"]);
    assert_eq!(
        unreached(one.push_to_users("nothing", ["ada"], "on", &news()).await),
        ["ada"]
    );
    scene.end().await;
}

#[tokio::test]
async fn broadcasts_and_multicasts_reach_members_on_every_server() {
    let mut scene = scene().await;
    for n in 0..4 {
        let sender = scene.senders()[n].clone();
        let groups = sender.groups();
        groups.create("hall").await.unwrap();
        for uid in ["ada", "gone", "bob"] {
            groups.add_member("hall", uid).await.unwrap();
        }
        let before = scene.encoded.load(Ordering::Relaxed);
        assert_eq!(
            unreached(groups.broadcast("gate", "hall", "on", &news()).await),
            ["gone"]
        );
        assert_eq!(scene.encoded.load(Ordering::Relaxed), before + 1);
        assert_eq!(scene.ada.message().await.text(), NEWS);
        assert_eq!(scene.bob.message().await.text(), NEWS);

        let only_bob = |member: Member<'_>| {
            let here =
                sender.server().kind == "gate" && sender.sessions().by_uid(member.uid()).is_some();
            assert_eq!(member.session().is_some(), here);
            &**member.uid() == "bob"
        };
        let delivery = groups
            .multicast("gate", "hall", "team", &news(), only_bob)
            .await;
        assert!(
            unreached(delivery).is_empty(),
            "who is left out is not missed"
        );
        assert_eq!(scene.bob.message().await.route, "team");
    }
    // And nothing of the last ones came to her.
    scene
        .one
        .handle()
        .push_to_users("gate", ["ada"], "end", &news())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(scene.ada.message().await.route, "end");
    scene.end().await;
}

#[tokio::test]
async fn a_push_right_after_a_bind_arrives_and_none_does_after_the_end() {
    let world = World::default();
    let gate = world.gate().await;
    let room = world.backend(world.app("room")).await;
    for round in 0..50 {
        let uid = format!("user-{round}");
        let mut client = user(&gate, &uid).await;
        let delivery = room
            .handle()
            .push_to_users("gate", [&*uid], "on", &news())
            .await;
        assert!(unreached(delivery).is_empty());
        assert_eq!(client.message().await.route, "on");
        drop(client);
        eventually("it has ended", || gate.handle().sessions().count() == 0).await;
        assert_eq!(
            unreached(
                room.handle()
                    .push_to_users("gate", [&*uid], "on", &news())
                    .await
            ),
            [uid]
        );
    }
    gate.app.shutdown().await;
    room.shutdown().await;
}

/// Notes what it is asked to push.
#[derive(Default)]
struct Noting(std::sync::Mutex<Vec<String>>);

impl Inbox for Noting {
    fn request(&self, _: Request) -> BoxFuture<'static, Response> {
        Box::pin(std::future::pending())
    }

    fn push(&self, push: Push) -> bool {
        let uid = push.uid.clone();
        self.0.lock().unwrap().push(push.uid);
        uid != "full"
    }

    fn kick(&self, kick: KickMsg) -> bool {
        self.push(Push {
            uid: kick.user_id,
            ..Push::default()
        })
    }

    fn bound(&self, _: BindMsg) {}

    fn malformed(&self, _: &str, _: &str) {}
}

#[tokio::test]
async fn a_list_reaches_its_users_once_and_tells_who_was_not_there() {
    let world = World::default();
    let fronts = ["g1", "g2"].map(|id| (id, Arc::<Noting>::default()));
    let mut servers = Vec::new();
    for (id, inbox) in &fronts {
        let own = ServerInfo {
            id: (*id).to_owned(),
            kind: "gate".to_owned(),
            frontend: true,
            metadata: Default::default(),
            hostname: String::new(),
        };
        let server = LocalRpc::new(&world.exchange);
        assert!(server.takes_lists());
        RpcServer::start(&server, &own, inbox.clone())
            .await
            .unwrap();
        servers.push(server);
    }
    for (server, uids) in servers.iter().zip([["ann", "both"], ["full", "both"]]) {
        for uid in uids {
            server.user_bound(&Uid::from(uid)).await.unwrap();
        }
    }
    for kick in [false, true] {
        let list = UserList {
            uids: ["ann", "nobody", "both", "full"].map(str::to_owned).into(),
            kick,
            ..UserList::default()
        };
        let sent = servers[0].send_list("gate", list).await;
        assert_eq!(
            (sent.messages, sent.unreached),
            (2, vec!["nobody".to_owned(), "full".to_owned()])
        );
        let noted = fronts
            .each_ref()
            .map(|(_, inbox)| std::mem::take(&mut *inbox.0.lock().unwrap()));
        assert_eq!(noted, [["ann", "both"], ["both", "full"]]);
    }
}

#[tokio::test]
async fn few_users_of_many_frontends_are_sent_a_message_each() {
    let world = World::default();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let room = world
        .backend(world.app("room").recorder(Arc::new(recorder)))
        .await;
    let mut gates = Vec::new();
    for _ in 0..5 {
        gates.push(world.gate().await);
    }
    let mut clients = Vec::new();
    for (gate, uid) in gates.iter().zip(["a", "b", "c", "d", "e"]) {
        clients.push(user(gate, uid).await);
    }
    let sent = |kind: &str| {
        let all = snapshotter.snapshot().into_vec().into_iter();
        let ours = all.filter(|(key, ..)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
            key.key().name() == "pitaya_push_messages_total" && labels == [kind]
        });
        let values = ours.map(|(_, _, _, value)| match value {
            DebugValue::Counter(n) => n,
            other => panic!("{other:?}"),
        });
        values.sum::<u64>()
    };
    let push = async |uids: &[&str]| {
        let (uids, body) = (uids.iter().copied(), Bytes::new());
        let pushed = room.handle().push_to_users("gate", uids, "on", &body).await;
        assert_eq!(unreached(pushed), [""; 0]);
    };
    push(&["a", "b"]).await;
    assert_eq!(sent("user"), 2);
    push(&["a", "b", "c"]).await;
    assert_eq!(
        sent("list"),
        3,
        "here each server that has some is a message"
    );
    for (client, pushes) in clients.iter_mut().zip([2, 2, 1]) {
        for _ in 0..pushes {
            assert_eq!(client.message().await.route, "on");
        }
    }
    room.shutdown().await;
    for gate in gates {
        gate.app.shutdown().await;
    }
}

#[tokio::test]
async fn the_key_of_a_push_holds_on_the_clients_server() {
    let world = World::default();
    standalone_tests::latest::keys_hold_on_the_clients_server(|kind| world.app(kind)).await;
}
