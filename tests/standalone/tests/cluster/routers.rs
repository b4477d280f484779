//! Who chooses the server of a forwarded message, and what happens when the choice goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pitaya::cluster::router::{
    ConsistentHash, LeastInFlight, RoundRobin, Route, Routing, Sticky, choose, choose_later,
};
use pitaya::cluster::{Directory, ServerInfo};
use pitaya::handler::BoxFuture;
use pitaya::prelude::*;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::*;

/// Answers which server it is.
struct Where(&'static str);

#[handler]
impl Where {
    async fn am(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(self.0.as_bytes()))
    }
}

struct Scene {
    world: World,
    gate: Gate,
    rooms: Vec<App>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

async fn scene(servers: usize, router: impl Route) -> Scene {
    let world = World::default();
    let gate = Gate::start(world.app("gate").route_to("room", router)).await;
    let mut rooms = Vec::new();
    for name in NAMES.into_iter().take(servers) {
        rooms.push(world.backend(world.app("room").handler(Where(name))).await);
    }
    Scene { world, gate, rooms }
}

impl Scene {
    async fn end(self) {
        self.gate.app.shutdown().await;
        for room in self.rooms {
            room.shutdown().await;
        }
    }
}

async fn ask(client: &mut Client) -> String {
    client.call(1, "room.where.am", b"").await.text().to_owned()
}

/// How often each server answers `n` requests.
async fn spread(client: &mut Client, n: usize) -> BTreeMap<String, usize> {
    let mut spread = BTreeMap::new();
    for _ in 0..n {
        *spread.entry(ask(client).await).or_default() += 1;
    }
    spread
}

#[tokio::test]
async fn without_a_router_every_server_gets_its_share() {
    let world = World::default();
    let gate = world.gate().await;
    let mut rooms = Vec::new();
    for name in NAMES {
        rooms.push(world.backend(world.app("room").handler(Where(name))).await);
    }
    let mut client = gate.connect().await;
    let spread = spread(&mut client, 400).await;
    // Less than 50 of 400 for any of four has a chance of less than one in a billion.
    assert_eq!(spread.len(), 4);
    assert!(spread.values().all(|&n| n > 50), "{spread:?}");
    gate.app.shutdown().await;
    for room in rooms {
        room.shutdown().await;
    }
}

#[tokio::test]
async fn round_robin_takes_each_in_turn() {
    let scene = scene(4, RoundRobin::default()).await;
    let mut client = scene.gate.connect().await;
    let spread = spread(&mut client, 40).await;
    assert!(
        spread.len() == 4 && spread.values().all(|&n| n == 10),
        "{spread:?}"
    );
    scene.end().await;
}

#[tokio::test]
async fn least_in_flight_avoids_who_is_busy() {
    let world = World::default();
    let gate = Gate::start(world.app("gate").route_to("room", LeastInFlight::default())).await;
    let mut fakes = [
        world.fake("room", "a", Order::Own).await,
        world.fake("room", "b", Order::Own).await,
        world.fake("room", "c", Order::Own).await,
    ];
    let mut client = gate.connect().await;
    for id in 1..=9 {
        client.request(id, "room.a.b", b"").await;
    }
    let mut held = Vec::new();
    for fake in &mut fakes {
        for _ in 0..3 {
            held.push(fake.asked().await);
        }
        assert!(fake.is_idle());
    }
    // Those of the second server end: it gets what comes next.
    for asked in held.drain(3..6) {
        asked.answer("");
        client.message().await;
    }
    for id in 11..=12 {
        client.request(id, "room.a.b", b"").await;
        held.push(fakes[1].asked().await);
    }
    assert!(fakes[0].is_idle() && fakes[2].is_idle());
    gate.app.shutdown().await;
}

#[tokio::test]
async fn consistent_hash_keeps_users_where_they_are_when_servers_come_and_go() {
    let mut scene = scene(3, ConsistentHash).await;
    let mut clients = Vec::new();
    for n in 0..60 {
        clients.push(scene.gate.connect().await);
        let sessions = scene.gate.handle().sessions().all();
        let newest = sessions.into_iter().max_by_key(Session::id).unwrap();
        newest.bind(format!("user-{n}")).await.unwrap();
    }
    let mut first = Vec::new();
    for client in &mut clients {
        first.push(ask(client).await);
        assert_eq!(&ask(client).await, first.last().unwrap());
    }
    for name in ["a", "b", "c"] {
        assert!(
            first.iter().filter(|at| *at == name).count() >= 5,
            "{first:?}"
        );
    }
    // One more: only who goes to the new one moves.
    scene.rooms.push(
        scene
            .world
            .backend(scene.world.app("room").handler(Where("d")))
            .await,
    );
    let mut moved = 0;
    for (client, before) in clients.iter_mut().zip(&first) {
        let now = ask(client).await;
        assert!(now == *before || now == "d", "{before} -> {now}");
        moved += usize::from(now == "d");
    }
    assert!((1..40).contains(&moved), "{moved} of 60");
    // And when that leaves, everybody is back.
    scene.rooms.pop().unwrap().shutdown().await;
    for (client, before) in clients.iter_mut().zip(&first) {
        assert_eq!(ask(client).await, *before);
    }
    scene.end().await;
}

#[tokio::test]
async fn a_sticky_session_keeps_its_server_while_that_lives() {
    let mut scene = scene(4, Sticky).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = scene.gate.connect().await;
        let spread = spread(&mut client, 10).await;
        assert_eq!(spread.len(), 1, "{spread:?}");
        let own = spread.into_keys().next().unwrap();
        clients.push((client, own));
    }
    scene.rooms.remove(0).shutdown().await;
    for (client, own) in &mut clients {
        let now = spread(client, 10).await;
        assert_eq!(now.len(), 1);
        assert!(
            now.contains_key(own.as_str()) || own == "a",
            "{own} {now:?}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn a_router_sees_session_route_payload_and_the_live_servers() {
    let router = choose(|routing| {
        assert_eq!(routing.route, "room.where.am");
        assert_eq!(routing.servers.len(), 3);
        assert!(routing.servers.is_sorted_by_key(|server| &server.id));
        let at: usize = std::str::from_utf8(routing.payload)
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(routing.session.uid().as_deref(), Some("ann"));
        Ok(routing.servers[at].clone())
    });
    let scene = scene(3, router).await;
    let mut client = scene.gate.connect().await;
    scene
        .gate
        .handle()
        .sessions()
        .all()
        .pop()
        .unwrap()
        .bind("ann")
        .await
        .unwrap();
    let servers = scene.gate.handle().directory().of_kind("room");
    for at in ["2", "0", "1", "0"] {
        let answer = client.call(1, "room.where.am", at.as_bytes()).await;
        let chosen = &servers[at.parse::<usize>().unwrap()].id;
        let own = scene
            .rooms
            .iter()
            .position(|room| room.handle().server().id == *chosen)
            .unwrap();
        assert_eq!(answer.text(), NAMES[own]);
    }
    scene.end().await;
}

#[tokio::test]
async fn a_slow_router_keeps_the_order_and_holds_up_no_answer() {
    let open = Arc::new(Semaphore::new(0));
    let gate_open = open.clone();
    let router = choose_later(move |routing| {
        let (open, server) = (gate_open.clone(), routing.servers[0].clone());
        let waits = routing.payload.starts_with(b"wait");
        Box::pin(async move {
            if waits {
                open.acquire().await.unwrap().forget();
            }
            Ok(server)
        })
    });
    let world = World::default();
    let gate = Gate::start(world.app("gate").route_to("room", router)).await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", b"first").await;
    client.request(2, "room.a.b", b"wait").await;
    client.request(3, "room.a.b", b"last").await;
    room.asked().await.answer("one");
    assert_eq!(
        client.message().await.text(),
        "one",
        "while the router still thinks"
    );
    settle().await;
    assert!(room.is_idle());
    open.add_permits(1);
    assert_eq!(
        (room.asked().await.text(), room.asked().await.text()),
        ("wait", "last")
    );
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_router_that_fails_panics_or_names_nobody_is_an_error_to_the_client() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let router = choose(move |routing| {
        counted.fetch_add(1, Ordering::Relaxed);
        match routing.payload {
            b"plain" => Err(Error::msg("no seat")),
            b"coded" => Err(Error::new("SEAT-1", "no seat").with_metadata("row", "7")),
            b"panic" => panic!("secret"),
            b"gone" => {
                let mut server = ServerInfo::clone(&routing.servers[0]);
                server.id = "gone".to_owned();
                Ok(Arc::new(server))
            }
            _ => Ok(routing.servers[0].clone()),
        }
    });
    let scene = scene(1, router).await;
    let mut client = scene.gate.connect().await;
    for (payload, answer) in [
        ("plain", r#"{"code":"PIT-500","msg":"no seat"}"#),
        (
            "coded",
            r#"{"code":"SEAT-1","msg":"no seat","metadata":{"row":"7"}}"#,
        ),
        ("panic", INTERNAL),
        (
            "gone",
            r#"{"code":"PIT-500","msg":"can't find any server with the provided ID"}"#,
        ),
        ("fine", "a"),
    ] {
        assert_eq!(
            client
                .call(1, "room.where.am", payload.as_bytes())
                .await
                .text(),
            answer
        );
    }
    // Not asked when there is nobody to choose from.
    assert_eq!(
        client.call(1, "shop.where.am", b"").await.text(),
        NO_SERVERS
    );
    assert_eq!(calls.load(Ordering::Relaxed), 5);
    scene.end().await;
}

/// Counts wrongly.
struct Rude;

impl Route for Rude {
    fn route<'a>(&'a self, routing: Routing<'a>) -> BoxFuture<'a, Result<Arc<ServerInfo>>> {
        Box::pin(async move { Ok(routing.servers[0].clone()) })
    }

    fn in_flight(&self, _: &ServerInfo, _: isize) {
        panic!("secret")
    }
}

#[tokio::test]
async fn a_router_that_panics_while_it_counts_loses_no_answer() {
    let scene = scene(1, Rude).await;
    let mut client = scene.gate.connect().await;
    assert_eq!(ask(&mut client).await, "a");
    assert_eq!(ask(&mut client).await, "a");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_router_that_never_answers_costs_a_message_its_time_and_no_more() {
    let router = choose_later(|_| Box::pin(std::future::pending()));
    let scene = scene(1, router).await;
    let mut client = scene.gate.connect().await;
    let started = Instant::now();
    for id in 1..=5 {
        client.request(id, "room.where.am", b"").await;
    }
    for id in 1..=5 {
        let failed = client.message().await;
        assert_eq!((failed.id, failed.error), (id, true));
        assert!(failed.text().contains("PIT-408"), "{failed:?}");
    }
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
    scene.end().await;
}

#[tokio::test]
async fn calls_of_remotes_ask_no_router() {
    let scene = scene(1, choose(|_| panic!("it is not asked"))).await;
    let app = scene.gate.handle();
    let missing = app
        .rpc::<Bytes, Bytes>("room.any.thing", None)
        .await
        .unwrap_err();
    assert_eq!(missing.code(), "PIT-404");
    let directory: &Directory = app.directory();
    assert_eq!(
        directory.counts(),
        BTreeMap::from([("gate".to_owned(), 1), ("room".to_owned(), 1)])
    );
    scene.end().await;
}
