//! What a server that is called over NATS measures of its load.

use std::sync::Arc;

use bytes::Bytes;
use cluster_tests::nats::Nats;
use cluster_tests::{DEADLINE, eventually};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use pitaya::cluster::RpcClient;
use pitaya::cluster::discovery::local::Hub;
use pitaya::prelude::*;
use tokio::sync::Semaphore;

use crate::peer::{app, client, config, request, server};

struct Desk(Arc<Semaphore>);

#[remote]
impl Desk {
    async fn wait(&self) -> Result<Bytes> {
        self.0.acquire().await.map_err(|_| "closed")?.forget();
        Ok(Bytes::new())
    }
}

/// The values of these metrics, in order, since the last look.
fn look(snapshotter: &Snapshotter, names: &[&str]) -> Vec<(String, DebugValue)> {
    let all = snapshotter.snapshot().into_vec();
    let mut found: Vec<_> = all
        .into_iter()
        .filter(|(key, ..)| names.contains(&key.key().name()))
        .map(|(key, _, _, value)| {
            let labels = key.key().labels().map(|label| label.value().to_owned());
            (labels.collect::<Vec<_>>().join(" "), value)
        })
        .filter(|(labels, _)| labels != "agent_chsend")
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[tokio::test]
async fn the_load_of_a_server_shows_as_room_and_running_calls() {
    let nats = Nats::start().await;
    let recorder = Arc::new(DebuggingRecorder::new());
    let snapshotter = recorder.snapshotter();
    let gate = Arc::new(Semaphore::new(0));
    let mut config = config(&nats);
    config.cluster.nats.server.buffer_messages = 10;
    config.cluster.nats.server.services = 2;
    let room = app("room", &nats, &Hub::default())
        .config(config)
        .recorder(recorder)
        .remote(Desk(gate.clone()))
        .start()
        .await
        .unwrap();
    let gauge = |value: f64| DebugValue::Gauge(value.into());
    let total = look(&snapshotter, &["pitaya_worker_pool_total_workers"]);
    assert_eq!(total, [("rpc_server_remote".to_owned(), gauge(2.0))]);

    let caller = client(&nats, &server("gate", "g")).await;
    let target = room.handle().server().clone();
    let calls: Vec<_> = (0..3)
        .map(|_| caller.call(&target, request("room.desk.wait", ""), DEADLINE))
        .collect();
    let mut calls = Box::pin(futures_util::future::join_all(calls));
    let mut rooms = Vec::new();
    let mut busy = 0.0;
    let seen = async {
        eventually("three calls have come and two run", || {
            for (labels, value) in look(
                &snapshotter,
                &[
                    "pitaya_channel_channel_capacity",
                    "pitaya_worker_pool_busy_workers",
                ],
            ) {
                match value {
                    DebugValue::Histogram(free) => rooms.extend(free.iter().map(|free| free.0)),
                    DebugValue::Gauge(n) if labels == "rpc_server_remote" => {
                        busy = f64::max(busy, n.0)
                    }
                    other => panic!("{labels}: {other:?}"),
                }
            }
            rooms.len() == 3 && busy == 2.0
        })
        .await;
        gate.add_permits(3);
    };
    let (answers, ()) = tokio::join!(&mut calls, seen);
    assert!(answers.iter().all(|answer| answer.is_ok()), "{answers:?}");
    assert_eq!(rooms, [10.0, 9.0, 8.0]);
    let dropped = look(&snapshotter, &["pitaya_rpc_server_dropped_messages"]);
    assert_eq!(dropped, [(String::new(), gauge(0.0))]);
    room.shutdown().await;
}
