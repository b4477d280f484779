//! Servers that come and go: nobody is called too early or too late, and nothing is left behind.

use std::sync::Arc;
use std::time::Duration;

use pitaya::cluster::Change;
use pitaya::prelude::*;
use pitaya::protocol::packet::PacketType;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use crate::support::*;

struct Room {
    started: mpsc::UnboundedSender<()>,
    open: Arc<Semaphore>,
}

#[handler]
impl Room {
    async fn wait(&self, body: Bytes) -> Result<Bytes> {
        let _ = self.started.send(());
        self.open.acquire().await.expect("the gate stays").forget();
        Ok(body)
    }

    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }
}

fn room() -> (Room, mpsc::UnboundedReceiver<()>, Arc<Semaphore>) {
    let (started, starts) = mpsc::unbounded_channel();
    let open = Arc::new(Semaphore::new(0));
    (
        Room {
            started,
            open: open.clone(),
        },
        starts,
        open,
    )
}

#[tokio::test]
async fn a_backend_that_shuts_down_leaves_first_and_answers_what_it_has_begun() {
    let world = World::default();
    let gate = world.gate().await;
    let (handler, mut starts, open) = room();
    let room = world.backend(world.app("room").handler(handler)).await;
    let mut client = gate.connect().await;
    client.request(1, "room.room.wait", b"begun").await;
    client.request(2, "room.room.echo", b"behind it").await;
    in_time(starts.recv()).await;
    let down = tokio::spawn(room.shutdown());
    eventually("it has left", || {
        gate.handle().directory().of_kind("room").is_empty()
    })
    .await;
    assert_eq!(
        client.call(3, "room.room.echo", b"").await.text(),
        NO_SERVERS
    );
    open.add_permits(1);
    assert_eq!(client.message().await.text(), "begun");
    assert_eq!(client.message().await.text(), "behind it");
    in_time(down).await.unwrap();
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_frontend_that_shuts_down_waits_for_the_answers_of_others() {
    let world = World::default();
    let gate = world.gate().await;
    let mut fake = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", b"").await;
    let asked = fake.asked().await;
    let own = gate.handle().server().id.clone();
    let down = tokio::spawn(gate.app.shutdown());
    eventually("it has left", || fake.directory.by_id(&own).is_none()).await;
    settle().await;
    asked.answer("in time");
    let rest = client.rest().await;
    let kinds: Vec<_> = rest.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [PacketType::Data, PacketType::Kick]);
    assert_eq!(standalone_tests::decode(&rest[0].1).text(), "in time");
    in_time(down).await.unwrap();
}

#[tokio::test]
async fn a_server_is_seen_when_it_can_answer_and_not_before() {
    let world = World::default();
    let gate = world.gate().await;
    let seen = Arc::new(Semaphore::new(0));
    let added = seen.clone();
    gate.handle().directory().listen(move |change| {
        if let Change::Added(server) = change {
            assert_eq!(server.kind, "room");
            added.add_permits(1);
        }
    });
    let handle = gate.handle().clone();
    let call = tokio::spawn(async move {
        in_time(seen.acquire()).await.unwrap().forget();
        handle.rpc::<Bytes, Bytes>("room.nobody.there", None).await
    });
    let (handler, ..) = room();
    let room = world.backend(world.app("room").handler(handler)).await;
    assert_eq!(
        in_time(call).await.unwrap().unwrap_err().code(),
        "PIT-404",
        "it answers"
    );
    room.shutdown().await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn an_app_that_is_dropped_leaves_too() {
    let world = World::default();
    let gate = world.gate().await;
    let (handler, ..) = room();
    drop(world.backend(world.app("room").handler(handler)).await);
    eventually("it has left", || {
        gate.handle().directory().of_kind("room").is_empty()
    })
    .await;
    assert_eq!(world.servers.servers().len(), 1);
    eventually("and takes no calls", || {
        format!("{:?}", world.exchange) == "Exchange { servers: 1, users: 0 }"
    })
    .await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn no_server_that_came_and_went_leaves_anything_behind() {
    let world = World::default();
    let gate = world.gate().await;
    let mut client = gate.connect().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let mut base = None;
    for n in 0..200 {
        let (handler, ..) = room();
        let room = world.backend(world.app("room").handler(handler)).await;
        assert_eq!(client.call(1, "room.room.echo", b"hi").await.text(), "hi");
        room.shutdown().await;
        if n == 0 {
            settle().await;
            base = Some(tasks());
        }
    }
    let base = base.expect("there was a first round");
    eventually("no task is left", || tasks() <= base).await;
    assert_eq!(gate.handle().directory().all().len(), 1);
    assert_eq!(
        format!("{:?}", world.exchange),
        "Exchange { servers: 1, users: 0 }"
    );
    assert_eq!(
        format!("{:?}", world.servers),
        "Hub { servers: 1, viewers: 1 }"
    );
    drop(client);
    gate.app.shutdown().await;
    eventually("no task is left at all", || tasks() == 0).await;
    assert_eq!(
        format!("{:?}", world.exchange),
        "Exchange { servers: 0, users: 0 }"
    );
    assert_eq!(
        format!("{:?}", world.servers),
        "Hub { servers: 0, viewers: 0 }"
    );
}

struct Door;

#[handler]
impl Door {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }
}

#[tokio::test]
async fn thousands_of_binds_and_closes_leave_nothing_behind() {
    let world = World::default();
    let gates = [
        Gate::start(world.app("gate").handler(Door)).await,
        Gate::start(world.app("gate").handler(Door)).await,
    ];
    let (handler, ..) = room();
    let room = world.backend(world.app("room").handler(handler)).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let base = tasks();
    // Kept by this test alone when everything is over.
    let mut last = None;
    for n in 0..5000_usize {
        let gate = &gates[n % 2];
        let mut client = gate.connect().await;
        // Few users: most of these binds replace somebody, here or on the other frontend.
        let uid = format!("user-{}", n % 7);
        assert_eq!(
            client
                .call(1, "gate.door.bind", uid.as_bytes())
                .await
                .text(),
            uid
        );
        if n % 10 == 0 {
            assert_eq!(client.call(2, "room.room.echo", b"hi").await.text(), "hi");
            last = Some(Dropped::of(gate, &uid));
        }
    }
    for gate in &gates {
        eventually("no session is left", || {
            gate.handle().sessions().count() == 0
        })
        .await;
        assert_eq!(gate.handle().sessions().bound_count(), 0);
    }
    eventually("no task is left", || tasks() <= base).await;
    assert_eq!(
        format!("{:?}", world.exchange),
        "Exchange { servers: 3, users: 0 }"
    );
    let last = last.expect("there were sessions");
    eventually("nothing keeps a session", || last.is_dropped()).await;
    room.shutdown().await;
    for gate in gates {
        gate.app.shutdown().await;
    }
}

/// Tells whether a session's own state, and so the session, is gone.
struct Dropped(std::sync::Weak<()>);

#[derive(Default)]
struct Mark(Arc<()>);

impl Dropped {
    fn of(gate: &Gate, uid: &str) -> Self {
        let session = gate.handle().sessions().by_uid(uid).expect("it is bound");
        Self(session.with_state::<Mark, _>(|mark| Arc::downgrade(&mark.0)))
    }

    fn is_dropped(&self) -> bool {
        self.0.upgrade().is_none()
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_although_a_server_never_answers() {
    let world = World::default();
    let gate = world.gate().await;
    let mut fake = world.fake("room", "r", Order::None).await;
    let mut client = gate.connect().await;
    for id in 1..=3 {
        client.request(id, "room.a.b", b"").await;
    }
    let _asked = fake.asked().await;
    let started = tokio::time::Instant::now();
    gate.app.shutdown().await;
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    let answers = client
        .rest()
        .await
        .into_iter()
        .filter(|(kind, _)| *kind == PacketType::Data);
    assert!(answers.count() <= 3, "each at most once");
}

#[tokio::test]
async fn an_app_is_ready_while_it_runs_and_finds_servers_by_id_and_type() {
    let world = World::default();
    let gate = world.gate().await;
    let room = world.backend(world.app("room")).await;
    let handle = gate.handle().clone();
    assert!(handle.is_ready().await);
    let found = handle.server_by_id(&room.handle().server().id).unwrap();
    assert_eq!(*found, *room.handle().server());
    assert_eq!(
        *handle.server_by_id(&handle.server().id).unwrap(),
        *handle.server()
    );
    assert_eq!(handle.servers_by_type("room").unwrap().len(), 1);
    for (missing, text) in [
        (
            handle.server_by_id("x").map(drop),
            "can't find any server with the provided ID",
        ),
        (
            handle.servers_by_type("x").map(drop),
            "no servers available of this type",
        ),
    ] {
        let error = missing.unwrap_err();
        assert_eq!((error.code(), error.message()), ("PIT-000", text));
    }
    room.shutdown().await;
    gate.app.shutdown().await;
    assert!(!handle.is_ready().await);
    let alone = App::builder("gate")
        .config(Config::for_test())
        .start()
        .await
        .unwrap();
    assert!(alone.handle().is_ready().await);
    assert!(alone.handle().server_by_id("x").is_err());
    alone.shutdown().await;
}
