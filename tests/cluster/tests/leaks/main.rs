//! Nothing is left of what came and went: after equal rounds of joining and leaving, binding and closing, there are as
//! many tasks, sessions, users, groups, servers, subscriptions and watches as before, and as many live bytes.
//!
//! `LEAKS=40 cargo test --release -p cluster-tests --test leaks -- --nocapture` makes every round that many times as
//! large (10,000 servers, 100,000 binds) and prints what was counted.
#![allow(missing_docs)]

mod local;
mod network;

use std::time::Duration;

use bytes::Bytes;
use pitaya::cluster::IntoCluster;
use pitaya::prelude::*;
use pitaya::{App, AppHandle};
use standalone_tests::RawClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Handle, Runtime};

/// How many times as much as usual is done.
fn scale() -> usize {
    let scale = std::env::var("LEAKS").ok();
    scale.map_or(1, |scale| scale.parse().expect("LEAKS is a number"))
}

/// Everything happens on this thread, whose memory is counted.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn tasks() -> u64 {
    Handle::current().metrics().num_alive_tasks() as u64
}

/// What there is at the end of a round.
type Left = Vec<(&'static str, u64)>;

/// Runs equal rounds of `n` things each, until three of them have left the same: as many of everything, and live bytes
/// within a quarter of a byte for each thing, which is room for a buffer that grew and for no leak. The first ones may
/// fill caches; but what is left behind by each thing, or each round, is found however little it is.
fn check(name: &str, n: usize, mut round: impl FnMut(), mut left: impl FnMut() -> Left) {
    let (mut bytes, mut rounds) = (0, Vec::<(i64, Left)>::new());
    for _ in 0..10 {
        bytes += allocation_counter::measure(&mut round).bytes_current;
        let now = left();
        println!("{name}, {n} a round: {bytes} bytes, {now:?}");
        let same =
            |(before, left): &&(i64, Left)| before.abs_diff(bytes) <= n as u64 / 4 && *left == now;
        if rounds.iter().filter(same).count() == 2 {
            return;
        }
        rounds.push((bytes, now));
    }
    panic!("{name}: each round leaves something behind");
}

/// Fails when `done` does not come true.
async fn eventually(what: &str, done: impl FnMut() -> bool) {
    cluster_tests::eventually(what, done).await;
}

struct Gate;

#[handler]
impl Gate {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        let name = String::from_utf8_lossy(&uid).into_owned();
        ctx.session().bind(&*name).await?;
        ctx.session().set("seat", "7")?;
        ctx.app().groups().ensure("all").await?;
        ctx.app().groups().add_member("all", &name).await?;
        Ok(uid)
    }

    async fn leave(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        let name = String::from_utf8_lossy(&uid).into_owned();
        ctx.app().groups().remove_member("all", &name).await?;
        Ok(uid)
    }
}

struct Room;

#[handler]
impl Room {
    async fn greet(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().push("hello", &uid).await?;
        Ok(uid)
    }
}

fn config() -> Config {
    let mut config = Config::for_test();
    // No beat disturbs a count.
    config.heartbeat.interval = Duration::from_secs(600);
    config
}

async fn room(config: Config, cluster: impl IntoCluster) -> App {
    let app = App::builder("room").config(config).handler(Room);
    app.cluster(cluster).start().await.unwrap()
}

/// What an app holds.
async fn held(app: &AppHandle) -> Left {
    let members = app.groups().count("all").await.unwrap_or_default();
    vec![
        ("tasks", tasks()),
        ("sessions", app.sessions().count() as u64),
        ("bound", app.sessions().bound_count() as u64),
        ("members", members as u64),
        ("servers", app.directory().all().len() as u64),
    ]
}

/// What several apps hold.
fn held_by(runtime: &Runtime, apps: &[&App]) -> Left {
    let held = apps.iter().map(|app| runtime.block_on(held(app.handle())));
    held.flatten().collect()
}

/// The uid of the next user: of one length each, for the same bytes.
fn next_uid(users: &mut usize) -> String {
    *users += 1;
    format!("{users:012}")
}

/// A player binds, plays in a room, and leaves the group.
async fn play<S: AsyncRead + AsyncWrite + Unpin>(client: &mut RawClient<S>, uid: &str) {
    let bound = client.call(1, "gate.bind", uid.as_bytes()).await;
    assert_eq!(bound.text(), uid);
    client.request(2, "room.room.greet", uid.as_bytes()).await;
    for _ in 0..2 {
        assert_eq!(client.message().await.text(), uid);
    }
    let left = client.call(3, "gate.leave", uid.as_bytes()).await;
    assert_eq!(left.text(), uid);
}
