//! In one process.

use futures_util::future::join_all;
use pitaya::acceptor::{self, Connector};
use pitaya::cluster::{Cluster, Hub};
use pitaya::{App, AppHandle};
use standalone_tests::RawClient;

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
        runtime.block_on(held(gate.handle()))
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
                let playing = (0..50).map(|_| {
                    users += 1;
                    play(&connector, users)
                });
                join_all(playing).await;
            }
            let empty = |app: &AppHandle| app.sessions().count() == 0;
            eventually("every session ends", || {
                empty(gate.handle()) && tasks() <= before
            })
            .await;
        })
    };
    check("binds in one process", n, round, || {
        let apps = [gate.handle(), other.handle(), room.handle()];
        let held = apps.map(|app| runtime.block_on(held(app)));
        held.concat()
    });
    assert!(format!("{hub:?}").contains("users: 0"), "{hub:?}");
}

/// A player comes, binds, plays in a room, and goes.
async fn play(connector: &Connector, user: usize) {
    // Of one length each, for the same bytes.
    let uid = format!("{user:012}");
    let mut client = RawClient::over(connector.connect().expect("the app accepts"));
    client.shake_hands().await;
    assert_eq!(
        client.call(1, "gate.bind", uid.as_bytes()).await.text(),
        uid
    );
    client.request(2, "room.room.greet", uid.as_bytes()).await;
    for _ in 0..2 {
        assert_eq!(client.message().await.text(), uid);
    }
    assert_eq!(
        client.call(3, "gate.leave", uid.as_bytes()).await.text(),
        uid
    );
}
