//! More than anybody may have: each of these ends at a limit of its own.

use bytes::Bytes;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, packet_of, request};

use crate::server::{FORWARDED, IN_A_SECOND, OF_ADDRESS, ROUTE};
use crate::world::{Door, World, rest_of};

/// Where attackers come from that have an address to themselves.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 66];

/// How many are too many.
const TOO_MANY: usize = 10;

/// Half of them have come in, the others say nothing inside TLS; then neither lets in another one.
pub(crate) async fn crowd(world: &World) {
    let mut clients = Vec::new();
    for _ in 0..OF_ADDRESS / 2 {
        let mut client = RawClient::over(world.connect_from(ELSEWHERE, Door::Tcp).await);
        client.shake_hands().await;
        clients.push(client);
    }
    let mut silent = Vec::new();
    for _ in 0..OF_ADDRESS / 2 {
        silent.push(world.connect_from(ELSEWHERE, Door::Tls).await);
    }
    for n in 0..TOO_MANY {
        let door = [Door::Tcp, Door::Tls, Door::WebSocket, Door::Wss][n % 4];
        let mut socket = world.connect_from(ELSEWHERE, door).await;
        assert_eq!(rest_of(&mut socket).await, b"");
    }
    // Those of others are not touched.
    let mut other = world.client().await;
    assert_eq!(other.call(1, "game.echo", b"in").await.text(), "in");
}

/// Time stands still, so one second's worth gets in.
pub(crate) async fn rush(world: &World) {
    world.second().await;
    for _ in 0..IN_A_SECOND {
        drop(world.client().await);
    }
    for _ in 0..TOO_MANY {
        let mut socket = world.connect(Door::Tcp).await;
        assert_eq!(rest_of(&mut socket).await, b"");
    }
    world.second().await;
}

/// It plays all the time and never says who it is.
pub(crate) async fn nobody(world: &World) {
    let mut client = world.client().await;
    // Two more, so that the end has come before it is waited for.
    for id in 1..=17 {
        let _ = client.try_write(&request(id, "game.echo", b"x")).await;
        world.second().await;
    }
    let answers = client.rest().await;
    let answers = answers.iter().filter(|(kind, _)| *kind == PacketType::Data);
    assert!(answers.count() >= 14);
}

/// Heartbeats show that it is alive, and nothing else.
pub(crate) async fn idler(world: &World) {
    let mut client = world.client().await;
    client.call(1, "game.bind", b"idler").await;
    for _ in 0..15 {
        let beat = packet_of(PacketType::Heartbeat, b"");
        let _ = client.try_write(&beat).await;
        world.second().await;
    }
    let rest = client.rest().await;
    assert_eq!(rest.last(), Some(&(PacketType::Kick, vec![])), "{rest:?}");
}

/// None of the three is over its own bounds when all that waits is too much: one of them goes.
pub(crate) async fn deaf_crowd(world: &World) {
    let mut deaf = Vec::new();
    for name in ["deaf 1", "deaf 2", "deaf 3"] {
        let mut client = world.client().await;
        client.call(1, "game.bind", name.as_bytes()).await;
        let session = world.app.handle().sessions().by_uid(name);
        deaf.push((client, session.expect("it is bound")));
    }
    let push = Bytes::from(vec![0; 64 * 1024]);
    while !deaf.iter().any(|(_, session)| session.is_closed()) {
        for (_, session) in &deaf {
            // Whoever is closed meanwhile is told to whoever pushes.
            let _ = session.push("p", &push).await;
            tokio::task::yield_now().await;
        }
    }
}

/// What is under way is answered in the end; what was too much, at once.
pub(crate) async fn queue(world: &World) {
    let mut client = world.client().await;
    let all = FORWARDED + TOO_MANY;
    let requests = (1..=all).flat_map(|id| request(id as u64, "hall.hall.enter", b"in"));
    client.write(&requests.collect::<Vec<_>>()).await;
    for id in FORWARDED + 1..=all {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.error), (id as u64, true));
        assert!(answer.text().contains("PIT-503"), "{answer:?}");
    }
    world.gate.add_permits(FORWARDED);
    for id in 1..=FORWARDED {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id as u64, "in"));
    }
}

/// Nobody looks for what has a name so long.
pub(crate) async fn routes(world: &World) {
    let mut client = world.client().await;
    for id in 1..=TOO_MANY {
        let route = "x".repeat(ROUTE + id);
        let answer = client.call(id as u64, &route, b"").await;
        assert!(
            answer.error && answer.text().contains("PIT-400"),
            "{answer:?}"
        );
    }
    let answer = client.call(100, "game.echo", b"still here").await;
    assert_eq!(answer.text(), "still here");
}
