//! What an operator sees of a server among others.

use std::collections::BTreeMap;

use crate::support::*;

#[tokio::test]
async fn a_report_names_the_servers_and_what_is_on_its_way_to_them() {
    let world = World::default();
    let gate = world.gate().await;
    let alone = gate.app.report().cluster.expect("it is part of a cluster");
    assert!(alone.client_connected && alone.server_connected);
    assert_eq!(alone.servers, BTreeMap::from([("gate".to_owned(), 1)]));

    let mut room = world.fake("room", "r1", Order::Own).await;
    let second = world.backend(world.app("room")).await;
    let two = BTreeMap::from([("gate".to_owned(), 1), ("room".to_owned(), 2)]);
    for app in [&gate.app, &second] {
        let seen = || app.report().cluster.unwrap().servers;
        eventually("all are known", || seen() == two).await;
    }
    second.shutdown().await;
    let one = BTreeMap::from([("gate".to_owned(), 1), ("room".to_owned(), 1)]);
    let seen = || gate.app.report().cluster.unwrap().servers;
    eventually("one has left", || seen() == one).await;

    let mut client = gate.connect().await;
    client.request(1, "room.desk.sit", b"here").await;
    client.request(2, "room.desk.sit", b"there").await;
    let asked = [room.asked().await, room.asked().await];
    let report = gate.app.report();
    assert_eq!(report.queues.forwarded, 2);
    let page = report.to_string();
    for line in [
        "at work: 0 concurrent calls, 2 messages at other servers\n",
        "cluster: calls out connected, calls in connected, servers: gate 1 room 1\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    for (asked, answer) in asked.into_iter().zip(["a", "b"]) {
        asked.answer(answer);
        assert_eq!(client.message().await.text(), answer);
    }
    let forwarded = || gate.app.report().queues.forwarded;
    eventually("nothing is on its way", || forwarded() == 0).await;
    gate.app.shutdown().await;
}
