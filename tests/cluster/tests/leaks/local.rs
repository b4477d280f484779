//! In one process.

use futures_util::future::join_all;
use pitaya::acceptor::{self, Connector};
use pitaya::cluster::{Cluster, Hub};
use pitaya::{App, AppHandle};

use super::*;

async fn gate(hub: &Hub) -> (App, Connector) {
    let (connector, acceptor) = acceptor::memory(1 << 12);
    let app = App::builder("gate")
        .config(config())
        .acceptor(acceptor)
        .handler(Gate);
    let app = app.cluster(Cluster::local(hub)).start().await.unwrap();
    (app, connector)
}

#[test]
fn servers_of_one_process_leave_nothing() {
    let n = 250 * scale();
    let (runtime, hub) = (runtime(), Hub::new());
    let (gate, _connector) = runtime.block_on(gate(&hub));
    let round = || {
        runtime.block_on(async {
            let before = tasks();
            for _ in 0..n / 50 {
                let joining = (0..50).map(|_| room(config(), Cluster::local(&hub)));
                let rooms = join_all(joining).await;
                assert_eq!(gate.handle().directory().of_kind("room").len(), 50);
                join_all(rooms.into_iter().map(App::shutdown)).await;
            }
            eventually("every task ends", || tasks() <= before).await;
        })
    };
    check("servers of one process", n, round, || {
        held_by(&runtime, &[&gate])
    });
}

#[test]
fn binds_in_one_process_leave_nothing() {
    let n = 2500 * scale();
    let (runtime, hub) = (runtime(), Hub::new());
    let (gate, connector) = runtime.block_on(gate(&hub));
    let (other, _connector) = runtime.block_on(self::gate(&hub));
    let room = runtime.block_on(room(config(), Cluster::local(&hub)));
    let mut users = 0;
    let round = || {
        runtime.block_on(async {
            let before = tasks();
            for _ in 0..n / 50 {
                let visits = (0..50).map(|_| visit(&connector, next_uid(&mut users)));
                join_all(visits).await;
            }
            let empty = |app: &AppHandle| app.sessions().count() == 0;
            eventually("every session ends", || {
                empty(gate.handle()) && tasks() <= before
            })
            .await;
        })
    };
    let apps = [&gate, &other, &room];
    check("binds in one process", n, round, || {
        held_by(&runtime, &apps)
    });
    assert!(format!("{hub:?}").contains("users: 0"), "{hub:?}");
}

/// A player comes, plays, and goes.
async fn visit(connector: &Connector, uid: String) {
    let mut client = RawClient::over(connector.connect().expect("the app accepts"));
    client.shake_hands().await;
    play(&mut client, &uid).await;
}
