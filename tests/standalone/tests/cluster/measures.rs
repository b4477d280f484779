//! What is counted of a cluster, with labels that no client can multiply.

use std::collections::BTreeSet;
use std::sync::Arc;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use pitaya::prelude::*;

use crate::support::*;

struct Room;

#[handler]
impl Room {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("ROOM-1", "full"))
    }
}

#[remote(server = "room")]
trait Desk {
    async fn echo(&self, body: Bytes) -> Result<Bytes>;
    async fn fail(&self, body: Bytes) -> Result<Bytes>;
}

struct Clerk;

#[remote]
impl Desk for Clerk {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn fail(&self, body: Bytes) -> Result<Bytes> {
        Err(Error::new(format!("DESK-{}", text(&body)), "shut"))
    }
}

fn recorder() -> (Arc<DebuggingRecorder>, Snapshotter) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    (Arc::new(recorder), snapshotter)
}

/// The series of this name: labels in order, and what was recorded.
fn series(snapshotter: &Snapshotter, name: &str) -> Vec<(String, DebugValue)> {
    let all = snapshotter.snapshot().into_vec().into_iter();
    let ours = all.filter(|(key, ..)| key.key().name() == name);
    let mut series: Vec<_> = ours
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| label.value().to_owned())
                .collect();
            (labels.join(" "), value)
        })
        .collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

#[tokio::test]
async fn servers_of_each_type_are_counted() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let gate = Gate::start(world.app("gate").recorder(recorder)).await;
    // A look at a gauge sets it back, so each value is seen once.
    let count = |kind: &str| {
        let all = series(&snapshotter, "pitaya_service_discovery_count_servers");
        let found = all.into_iter().find(|(labels, _)| labels == kind);
        match found.map(|(_, value)| value) {
            Some(DebugValue::Gauge(n)) => *n,
            other => panic!("{kind}: {other:?}"),
        }
    };
    assert_eq!(count("gate"), 1.0);
    let one = world.backend(world.app("room")).await;
    let two = world.backend(world.app("room")).await;
    assert_eq!(count("room"), 2.0);
    one.shutdown().await;
    assert_eq!(count("room"), 1.0);
    let three = world.backend(world.app("room")).await;
    two.shutdown().await;
    three.shutdown().await;
    assert_eq!(count("room"), 0.0);
    gate.app.shutdown().await;
}

#[tokio::test]
async fn forwards_and_calls_are_timed_under_routes_that_exist() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let gate = Gate::start(world.app("gate").recorder(recorder)).await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut client = gate.connect().await;
    for id in 1..=3 {
        client.call(id, "room.room.echo", b"").await;
    }
    client.call(4, "room.room.fail", b"").await;
    for n in 0..500 {
        client.call(5, &format!("room.room.guess{n}"), b"").await;
        client.call(6, &format!("type{n}.room.echo"), b"").await;
    }
    let _ = gate
        .handle()
        .rpc::<Bytes, Bytes>("room.any.thing", None)
        .await;
    let times = series(&snapshotter, "pitaya_handler_response_time_ns");
    let labels: BTreeSet<_> = times.iter().map(|(labels, _)| labels.as_str()).collect();
    for expected in [
        "room.room.echo ok handler ",
        "room.room.echo ok rpc ",
        "room failed handler ROOM-1",
        "room failed rpc ROOM-1",
        "room failed handler PIT-404",
        "room failed rpc PIT-404",
    ] {
        assert!(labels.contains(expected), "{expected}: {labels:?}");
    }
    let echo = times
        .iter()
        .find(|(labels, _)| labels == "room.room.echo ok rpc ")
        .unwrap();
    assert!(
        matches!(&echo.1, DebugValue::Histogram(times) if times.len() == 3),
        "{echo:?}"
    );
    assert!(
        labels.len() < 300,
        "{} series of a thousand routes",
        labels.len()
    );
    assert!(!labels.iter().any(|labels| labels.contains("guess")));
    room.shutdown().await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn what_is_served_for_other_servers_is_timed_by_route_and_code() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let builder = world
        .app("room")
        .handler(Room)
        .remote(DeskServer::new(Clerk));
    let room = world.backend(builder.recorder(recorder)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    for call in [
        user_call("room.desk.echo", "x"),
        user_call("room.desk.echo", "y"),
        user_call("desk.echo", ""),
        user_call("room.desk.fail", "1"),
        forwarded(1, "room.room.echo", ""),
        forwarded(1, "room.room.fail", ""),
        // Of what reaches nothing only the code is counted.
        user_call("room.desk.guess1", ""),
        user_call("room.desk.guess2", ""),
        forwarded(1, "room.room.guess3", ""),
        forwarded(1, "guess4", ""),
    ] {
        let _ = peer.call(&room, call).await;
    }
    for n in 0..400 {
        let _ = peer
            .call(&room, user_call("room.desk.fail", format!("n{n}")))
            .await;
    }
    // Taken at once: a look takes what was recorded away.
    let all = snapshotter.snapshot().into_vec();
    let name = |key: &metrics_util::CompositeKey| key.key().name().to_owned();
    let labels = |key: &metrics_util::CompositeKey| {
        let labels = key.key().labels().map(|label| label.value().to_owned());
        labels.collect::<Vec<_>>().join(" ")
    };
    let count = |metric: &str, wanted: &str| {
        let found = all
            .iter()
            .find(|(key, ..)| name(key) == metric && labels(key) == wanted);
        match found.map(|(_, _, _, value)| value) {
            Some(DebugValue::Histogram(times)) => times.len() as u64,
            Some(DebugValue::Counter(n)) => *n,
            other => panic!("{metric} {wanted}: {other:?}"),
        }
    };
    for (metric, labels, expected) in [
        (
            "pitaya_handler_response_time_ns",
            "room.desk.echo ok remote ",
            3,
        ),
        (
            "pitaya_handler_response_time_ns",
            "room.desk.fail failed remote DESK-1",
            1,
        ),
        (
            "pitaya_handler_response_time_ns",
            "room.room.echo ok handler ",
            1,
        ),
        (
            "pitaya_handler_response_time_ns",
            "room.room.fail failed handler ROOM-1",
            1,
        ),
        ("pitaya_handler_handler_delay_ns", "room.room.echo local", 1),
        ("pitaya_message_refused_total", "PIT-404", 3),
        ("pitaya_message_refused_total", "PIT-400", 1),
    ] {
        assert_eq!(count(metric, labels), expected, "{metric} {labels}");
    }
    assert!(!all.iter().any(|(key, ..)| labels(key).contains("guess")));
    let codes = all
        .iter()
        .filter(|(key, ..)| labels(key).contains("DESK-"))
        .count();
    assert!(codes <= 256, "{codes} codes");
    room.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_a_forwarded_message_is_the_wait_until_it_is_sent() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let gate = Gate::start(world.app("gate").recorder(recorder)).await;
    // One at a time: the second one waits for the first one's answer.
    let mut room = world.fake("room", "r", Order::None).await;
    let mut client = gate.connect().await;
    client.request(1, "room.room.echo", b"").await;
    client.request(2, "room.room.echo", b"").await;
    let first = room.asked().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    first.answer("");
    room.asked().await.answer("");
    client.message().await;
    client.message().await;
    client.request(3, "room.room.guess", b"").await;
    room.asked()
        .await
        .fail(Error::new("PIT-404", "no such thing"));
    client.message().await;
    let delays = series(&snapshotter, "pitaya_handler_handler_delay_ns");
    let rounded = |value: &DebugValue| match value {
        DebugValue::Histogram(delays) => delays
            .iter()
            .map(|nanos| nanos.0 as u64 / 1_000_000_000)
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let delays: Vec<_> = delays
        .iter()
        .map(|(labels, value)| (&**labels, rounded(value)))
        .collect();
    assert_eq!(
        delays,
        [
            ("room remote", vec![0]),
            ("room.room.echo remote", vec![0, 2])
        ]
    );
    gate.app.shutdown().await;
}

#[tokio::test]
async fn capped_handlers_are_counted_as_a_pool() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let mut config = Config::for_test();
    config.concurrency.dispatch = 3;
    let builder = world
        .app("gate")
        .handler(Room)
        .config(config)
        .recorder(recorder);
    let gate = Gate::start(builder).await;
    let mut room = world.fake("room", "r", Order::Own).await;
    // A look at a gauge sets it back, so what is seen is the change since the last look.
    let busy = || match &series(&snapshotter, "pitaya_worker_pool_busy_workers")[..] {
        [(pool, DebugValue::Gauge(busy))] if pool == "handler_dispatch" => busy.0,
        other => panic!("{other:?}"),
    };
    let total = series(&snapshotter, "pitaya_worker_pool_total_workers");
    assert_eq!(
        total,
        [("handler_dispatch".to_owned(), DebugValue::Gauge(3.0.into()))]
    );
    let mut client = gate.connect().await;
    client.call(1, "room.echo", b"").await;
    assert_eq!(busy(), 0.0);
    client.request(2, "room.any.thing", b"").await;
    let asked = room.asked().await;
    assert_eq!(busy(), 1.0);
    asked.answer("");
    client.message().await;
    let mut freed = 0.0;
    eventually("the place is free", || {
        freed += busy();
        freed <= 0.0
    })
    .await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn users_elsewhere_who_were_not_reached_are_counted() {
    let world = World::default();
    let (recorder, snapshotter) = recorder();
    let room = world.backend(world.app("room").recorder(recorder)).await;
    let gate = world.gate().await;
    let body = Bytes::from_static(b"x");
    let delivery = room
        .handle()
        .push_to_users("gate", ["ada", "eve"], "on", &body)
        .await
        .unwrap();
    assert_eq!(delivery.unreached.len(), 2);
    let _ = room.handle().kick_users("gate", ["ada"]).await.unwrap();
    let counted = series(&snapshotter, "pitaya_push_unreached_users_total");
    assert_eq!(counted, [(String::new(), DebugValue::Counter(3))]);
    room.shutdown().await;
    gate.app.shutdown().await;
}
