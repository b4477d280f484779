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
