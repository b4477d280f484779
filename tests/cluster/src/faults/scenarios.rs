//! The faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pitaya::client::{DisconnectReason, Error};
use tokio::task::JoinSet;

use super::scene::Scene;
use super::{Outcome, Plan};
use crate::cable::Cable;
use crate::etcd::Etcd;
use crate::game;
use crate::nats::Nats;
use crate::{DEADLINE, eventually};

/// etcd is killed and comes back with what it had. Nobody needs it meanwhile.
pub async fn etcd_killed(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    let outage = scene.outage();
    scene.etcd.kill();
    // Who is known stays known, and everything between servers goes on.
    let client = scene.client(0).await;
    for _ in 0..20 {
        let answer = client.request_raw("room.room.echo", "x").await;
        answer.expect("forwarding needs no etcd");
    }
    let local = scene.last(outage).await;
    scene.etcd.restart().await;
    let recovery = scene.recovery(Instant::now()).await;
    scene.end(local, recovery).await
}

/// NATS is killed and comes back; it remembers nothing, as ever.
pub async fn nats_killed(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    // Bound before: the bus has to be told of them again.
    let user = scene.client(0).await;
    let bound = user.request_raw("gate.gate.bind", "old-friend").await;
    bound.expect("a bind");
    let outage = scene.outage();
    scene.nats.kill();
    let local = scene.last(outage).await;
    scene.nats.restart().await;
    let recovery = scene.recovery(Instant::now()).await;
    reaches(&scene, &user, "old-friend").await;
    scene.end(local, recovery).await
}

/// NATS is replaced at once by another one that knows nothing.
pub async fn nats_restarted(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    let user = scene.client(0).await;
    let bound = user.request_raw("gate.gate.bind", "old-friend").await;
    bound.expect("a bind");
    let outage = scene.outage();
    scene.nats.restart().await;
    let recovery = scene.recovery(Instant::now()).await;
    let local = scene.last(outage).await;
    reaches(&scene, &user, "old-friend").await;
    scene.end(local, recovery).await
}

/// A room is killed while it has requests under way; its record stays until its lease ends.
pub async fn backend_killed(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    let client = scene.client(0).await;
    let holds: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.request_raw("room.room.hold", "x").await })
        })
        .collect();
    let victim = scene.rooms[0].id().to_owned();
    let begun = async {
        let mut held = BTreeMap::new();
        while held.values().sum::<u64>() < 20 || !held.contains_key(&victim) {
            let answer = client.request_raw("room.room.held", []).await;
            let answer = String::from_utf8(answer.expect("a room answers").into());
            let answer = answer.expect("text");
            let (room, number) = answer.split_once(' ').expect("its id first");
            held.insert(room.to_owned(), number.parse::<u64>().expect("a number"));
        }
        held[&victim]
    };
    let begun = tokio::time::timeout(DEADLINE, begun).await;
    let begun = begun.expect("all are under way");
    let outage = scene.outage();
    scene.kill(&victim);
    let recovery = scene.recovery(Instant::now()).await;
    let mut failed = 0;
    for hold in holds {
        match hold.await.expect("it does not panic") {
            Ok(_) => {}
            Err(Error::Server(error)) => {
                assert_eq!(error.code(), "PIT-408", "{error}");
                failed += 1;
            }
            Err(error) => panic!("a request in flight hangs: {error}"),
        }
    }
    assert!(
        failed >= begun,
        "{begun} were lost with the room, {failed} failed"
    );
    let local = scene.last(outage).await;
    scene.join("room").await;
    scene.recovery(Instant::now()).await;
    scene.end(local, recovery).await
}

/// A room stands still and goes on.
pub async fn backend_paused(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    let outage = scene.outage();
    scene.rooms[0].pause();
    let local = scene.last(outage).await;
    scene.rooms[0].resume();
    let recovery = scene.recovery(Instant::now()).await;
    scene.end(local, recovery).await
}

/// A gate is killed: its users have gone from the bus, and bind elsewhere.
pub async fn frontend_killed(plan: Plan) -> Outcome {
    let mut scene = Scene::start(plan).await;
    let user = scene.client(1).await;
    let bound = user.request_raw("gate.gate.bind", "moving").await;
    bound.expect("a bind");
    reaches(&scene, &user, "moving").await;
    let victim = scene.gates[1].id().to_owned();
    let outage = scene.outage();
    scene.kill(&victim);
    let back = Instant::now();
    assert_eq!(user.closed().await, DisconnectReason::ServerClosed);
    // Nobody takes the user's pushes any more.
    let bus = scene.nats.client().await;
    let nobody = async {
        let push = || bus.request("pitaya/gate/user/moving/push", "".into());
        while push().await.is_ok() {}
    };
    let gone = tokio::time::timeout(DEADLINE, nobody).await;
    gone.expect("the bus forgets who has gone");
    let user = scene.client(0).await;
    let bound = user.request_raw("gate.gate.bind", "moving").await;
    bound.expect("a bind elsewhere");
    reaches(&scene, &user, "moving").await;
    let recovery = scene.recovery(back).await;
    let local = scene.last(outage).await;
    scene.join("gate").await;
    scene.recovery(Instant::now()).await;
    scene.end(local, recovery).await
}

/// One room cannot reach etcd, for longer than its lease; everybody can reach everybody else.
pub async fn split_from_etcd(plan: Plan) -> Outcome {
    let (etcd, nats) = tokio::join!(Etcd::start(), Nats::start());
    let cable = Cable::to(&etcd.endpoint()).await;
    let whole = plan.place(&etcd.endpoint(), &nats.url());
    let mut apart = plan.place(&cable.endpoint(), &nats.url());
    apart.lease = Duration::from_secs(2);
    let scene = Scene::start_with(plan, etcd, nats, [whole, apart]).await;
    let victim = scene.rooms[1].id().to_owned();
    let outage = scene.outage();
    cable.cut();
    let gate = scene.client(0).await;
    gone_from(&gate, &victim).await;
    for _ in 0..20 {
        let answer = gate.request_raw("room.room.echo", "x").await;
        answer.expect("the other room serves everybody");
    }
    let local = scene.last(outage).await;
    cable.mend();
    let recovery = scene.recovery(Instant::now()).await;
    scene.end(local, recovery).await
}

/// Fifty servers join at once, serve, and leave.
pub async fn fifty_join(plan: Plan) -> Outcome {
    let scene = Scene::start(plan).await;
    let outage = scene.outage();
    let place = scene.plan.place(&scene.etcd.endpoint(), &scene.nats.url());
    let mut joining = JoinSet::new();
    for _ in 0..50 {
        let place = place.clone();
        joining.spawn(async move { game::start("room", &place).await });
    }
    let joined = joining.join_all().await;
    let back = Instant::now();
    let ids: Vec<_> = joined
        .iter()
        .map(|app| app.handle().server().id.clone())
        .collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    scene.all_see(&ids, true).await;
    for app in &joined {
        let sees = |id: &&str| app.handle().directory().by_id(id).is_some();
        eventually("they see each other", || ids.iter().all(sees)).await;
    }
    let recovery = scene.recovery(back).await;
    let mut leaving = JoinSet::new();
    for app in joined {
        leaving.spawn(app.shutdown());
    }
    leaving.join_all().await;
    scene.all_see(&ids, false).await;
    let local = scene.last(outage).await;
    scene.end(local, recovery).await
}

/// Waits until the gate does not see this server any more.
async fn gone_from(gate: &pitaya::client::Client, id: &str) {
    let gone = async {
        loop {
            let ids = gate.request_raw("gate.gate.sees", []).await;
            let ids = ids.expect("the gate answers");
            if !String::from_utf8_lossy(&ids).contains(id) {
                return;
            }
        }
    };
    let gone = tokio::time::timeout(DEADLINE, gone).await;
    gone.expect("its lease ends");
}

/// Waits until a room's push reaches the user.
async fn reaches(scene: &Scene, user: &pitaya::client::Client, uid: &str) {
    let other = scene.client(0).await;
    let reached = async {
        loop {
            if other.request_raw("room.room.push", uid).await.is_err() {
                continue;
            }
            let push = tokio::time::timeout(Duration::from_millis(500), user.next_push("on"));
            if push.await.is_ok_and(|push| push.is_ok()) {
                return;
            }
        }
    };
    let reached = tokio::time::timeout(DEADLINE, reached).await;
    reached.expect("a push reaches the user");
}
