//! A user has one session on all frontends of a type, whoever binds at the same time.

use pitaya::prelude::*;
use pitaya::protocol::packet::PacketType;

use crate::support::*;

struct Door;

#[handler]
impl Door {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }

    async fn who(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let uid = ctx.session().uid().map(|uid| uid.to_string());
        Ok(uid.unwrap_or_default().into())
    }
}

async fn gates(world: &World, n: usize) -> Vec<Gate> {
    let mut gates = Vec::new();
    for _ in 0..n {
        let yields = |_, _| async {
            // So that binds overlap at every step.
            for _ in 0..fastrand::usize(..8) {
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        let app = world.app("gate").handler(Door).on_session_bind(yields);
        gates.push(Gate::start(app.on_after_session_bind(yields)).await);
    }
    gates
}

fn holders(gates: &[Gate], uid: &str) -> usize {
    let has = |gate: &&Gate| gate.handle().sessions().by_uid(uid).is_some();
    gates.iter().filter(has).count()
}

#[tokio::test]
async fn the_later_bind_kicks_the_earlier_session_wherever_it_is() {
    let world = World::default();
    let gates = gates(&world, 2).await;
    let (mut first, mut second) = (gates[0].connect().await, gates[1].connect().await);
    assert_eq!(first.call(1, "gate.door.bind", b"bob").await.text(), "bob");
    assert_eq!(second.call(1, "gate.door.bind", b"bob").await.text(), "bob");
    assert_eq!(first.rest().await, [(PacketType::Kick, Vec::new())]);
    assert_eq!(second.call(2, "gate.door.who", b"").await.text(), "bob");
    let mut third = gates[1].connect().await;
    assert_eq!(third.call(1, "gate.door.bind", b"bob").await.text(), "bob");
    assert_eq!(second.rest().await, [(PacketType::Kick, Vec::new())]);
    assert_eq!(third.call(2, "gate.door.who", b"").await.text(), "bob");
    for gate in gates {
        gate.app.shutdown().await;
    }
}

#[tokio::test]
async fn another_type_and_a_cluster_that_does_not_care_keep_their_sessions() {
    let world = World::default();
    let cares_not = || world.cluster().unique_sessions(false);
    let gate = Gate::start(world.app("gate").handler(Door)).await;
    let other = Gate::start(world.app("lobby").handler(Door)).await;
    let one = Gate::start(world.app("free").cluster(cares_not()).handler(Door)).await;
    let two = Gate::start(world.app("free").cluster(cares_not()).handler(Door)).await;
    let mut clients = Vec::new();
    for (gate, kind) in [
        (&gate, "gate"),
        (&other, "lobby"),
        (&one, "free"),
        (&two, "free"),
    ] {
        let mut client = gate.connect().await;
        assert_eq!(
            client
                .call(1, &format!("{kind}.door.bind"), b"bob")
                .await
                .text(),
            "bob"
        );
        clients.push((client, kind));
    }
    for (client, kind) in &mut clients {
        assert_eq!(
            client
                .call(2, &format!("{kind}.door.who"), b"")
                .await
                .text(),
            "bob"
        );
    }
    for gate in [gate, other, one, two] {
        gate.app.shutdown().await;
    }
}

/// Rounds in which every frontend binds the same user at the same time.
async fn race(frontends: usize, rounds: usize) {
    let world = World::default();
    let gates = gates(&world, frontends).await;
    for round in 0..rounds {
        let uid = format!("user-{round}");
        let mut clients = Vec::new();
        for gate in &gates {
            clients.push(gate.connect().await);
        }
        // Two at one frontend every other round: they race with each other as well.
        if round % 2 == 1 {
            clients.push(gates[0].connect().await);
        }
        for client in &mut clients {
            client.request(1, "gate.door.bind", uid.as_bytes()).await;
        }
        let ends = clients.iter_mut().map(|client| async {
            // Either the bind stands and the connection lives, or it was kicked, before the answer
            // or after it.
            let mut kicked = false;
            loop {
                match client.packet().await {
                    Some((PacketType::Heartbeat, _)) => {}
                    Some((PacketType::Kick, _)) => kicked = true,
                    Some((PacketType::Data, body)) if !standalone_tests::decode(&body).error => {
                        // Bound; alive if it answers once more when all have been bound.
                        return false;
                    }
                    Some(_) => {}
                    None => return kicked,
                }
            }
        });
        let kicked = futures_util::future::join_all(ends).await;
        eventually("one frontend has the user", || holders(&gates, &uid) == 1).await;
        let mut alive = 0;
        for (client, kicked) in clients.iter_mut().zip(kicked) {
            if kicked {
                continue;
            }
            client
                .try_write(&standalone_tests::request(2, "gate.door.who", b""))
                .await
                .ok();
            let mut answered = false;
            while let Some((kind, body)) = client.packet().await {
                if kind == PacketType::Data {
                    answered = standalone_tests::decode(&body).body == uid.as_bytes();
                    break;
                }
            }
            alive += usize::from(answered);
        }
        assert_eq!((alive, holders(&gates, &uid)), (1, 1), "round {round}");
    }
    for gate in gates {
        gate.app.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_frontends_that_bind_at_once_exactly_one_keeps_the_user() {
    race(2, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_frontends_that_bind_at_once_exactly_one_keeps_the_user() {
    race(3, 200).await;
}
