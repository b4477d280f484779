//! Over a real NATS and a real etcd, who count themselves what they hold.

use cluster_tests::DEADLINE;
use cluster_tests::etcd::Etcd;
use cluster_tests::nats::Nats;
use futures_util::future::join_all;
use pitaya::Tcp;
use pitaya::cluster::Cluster;

use super::*;

fn network(etcd: &Etcd, nats: &Nats) -> Config {
    let mut config = config();
    config.cluster.nats.client.link.connect = vec![nats.url()];
    config.cluster.nats.server.link.connect = vec![nats.url()];
    config.cluster.etcd.endpoints = vec![etcd.endpoint()];
    config
}

async fn gate(config: Config) -> App {
    let app = App::builder("gate")
        .config(config)
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Gate);
    app.cluster(Cluster::nats_etcd()).start().await.unwrap()
}

/// What etcd and NATS hold for us.
async fn held_outside(etcd: &Etcd, nats: &Nats) -> Left {
    let (connections, subscriptions) = nats.load().await;
    let (watches, leases) = etcd.load().await;
    let records = etcd.records("").await.len() as u64;
    vec![
        ("connections", connections),
        ("subscriptions", subscriptions),
        ("watches", watches),
        ("leases", leases),
        ("records", records),
    ]
}

/// Waits until what is held outside is what was held before; they hear later of what has ended.
async fn as_before(etcd: &Etcd, nats: &Nats, before: &Left) {
    let start = std::time::Instant::now();
    loop {
        let now = held_outside(etcd, nats).await;
        if now == *before {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "{before:?} was, {now:?} is");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn servers_of_a_network_leave_nothing() {
    let n = 10 * scale();
    let runtime = runtime();
    let (etcd, nats) = runtime.block_on(async { (Etcd::start().await, Nats::start().await) });
    let gate = runtime.block_on(gate(network(&etcd, &nats)));
    let before = runtime.block_on(held_outside(&etcd, &nats));
    let round = || {
        runtime.block_on(async {
            let here = tasks();
            for _ in 0..n / 10 {
                let joining = (0..10).map(|_| room(network(&etcd, &nats), Cluster::nats_etcd()));
                let rooms = join_all(joining).await;
                let servers = || gate.handle().directory().of_kind("room").len();
                eventually("all are seen", || servers() == 10).await;
                join_all(rooms.into_iter().map(App::shutdown)).await;
                eventually("none is seen", || servers() == 0).await;
            }
            as_before(&etcd, &nats, &before).await;
            eventually("every task ends", || tasks() <= here).await;
        })
    };
    check("servers of a network", n, round, || {
        held_by(&runtime, &[&gate])
    });
}

#[test]
fn binds_over_a_network_leave_nothing() {
    let n = 200 * scale();
    let runtime = runtime();
    let (etcd, nats) = runtime.block_on(async { (Etcd::start().await, Nats::start().await) });
    let (gate, room) = runtime.block_on(async {
        let room = room(network(&etcd, &nats), Cluster::nats_etcd()).await;
        (gate(network(&etcd, &nats)).await, room)
    });
    let address = gate.local_addr(0).unwrap();
    let before = runtime.block_on(held_outside(&etcd, &nats));
    let mut users = 0;
    let round = || {
        runtime.block_on(async {
            let here = tasks();
            for _ in 0..n / 50 {
                let mut players = Vec::new();
                for _ in 0..50 {
                    let client = RawClient::connect(address).await;
                    players.push((next_uid(&mut users), client));
                }
                let playing = players.iter_mut().map(|(uid, client)| play(client, uid));
                join_all(playing).await;
                let (_, subscriptions) = nats.load().await;
                assert!(subscriptions >= before[1].1 + 100, "two for each user");
            }
            eventually("every session ends", || {
                gate.handle().sessions().count() == 0 && tasks() <= here
            })
            .await;
            as_before(&etcd, &nats, &before).await;
        })
    };
    let apps = [&gate, &room];
    check("binds over a network", n, round, || {
        held_by(&runtime, &apps)
    });
}
