//! Servers of a set that come and go, and what they are told by flags and environment.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::dialect::{DIALECTS, Dialect, failure, response};
use crate::players::{Player, Transport};
use crate::process::{DEADLINE, run};
use crate::set::{Bus, Make};

const HELLO: &str = "game.testsvc.testrequestonlysessionreturnsptr";
const BACKEND: [&str; 2] = ["-type=game", "-frontend=false"];

/// Asks until this comes; the only other answer is `meanwhile`.
async fn until(player: &mut Player, awaited: &[u8], meanwhile: &[u8]) {
    let start = Instant::now();
    loop {
        let answer = player.call(1, HELLO, b"").await;
        if answer == awaited {
            return;
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(answer, meanwhile, "{text}");
        assert!(start.elapsed() < DEADLINE, "still {text}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn nobody(dialect: Dialect) -> Vec<u8> {
    failure(
        1,
        &dialect.error("PIT-500", "no servers available of this type"),
    )
}

fn hello(dialect: Dialect) -> Vec<u8> {
    response(1, &dialect.test_response("hello"))
}

#[tokio::test]
async fn a_backend_may_start_before_or_after_its_frontend_and_come_back() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        let prefix = format!("-sdprefix={dialect:?}/");
        let flags = [&prefix, BACKEND[0], BACKEND[1]];
        let early = bus.server(Make::Rust, dialect, &[&prefix]).await;
        let mut player = early.player(Transport::Tcp).await;
        assert_eq!(player.call(1, HELLO, b"").await, nobody(dialect));
        for _ in 0..2 {
            let game = bus.server(Make::Rust, dialect, &flags).await;
            until(&mut player, &hello(dialect), &nobody(dialect)).await;
            let late = bus.server(Make::Rust, dialect, &[&prefix]).await;
            // It knows of everybody who was there when it started.
            let mut other = late.player(Transport::Tcp).await;
            assert_eq!(other.call(1, HELLO, b"").await, hello(dialect));
            let (status, log) = game.end(Signal::TERM).await;
            assert_eq!(status.code(), Some(0), "{log}");
            until(&mut player, &nobody(dialect), &hello(dialect)).await;
        }
    }
}

#[tokio::test]
async fn signals_end_every_server_of_a_set_in_order_with_exit_code_0() {
    let bus = Bus::start().await;
    for (signal, backend_first) in [(Signal::TERM, true), (Signal::INT, false)] {
        let (gate, game) = tokio::join!(
            bus.server(Make::Rust, Dialect::Json, &[]),
            bus.server(Make::Rust, Dialect::Json, &BACKEND),
        );
        let mut player = gate.player(Transport::Tcp).await;
        until(&mut player, &hello(Dialect::Json), &nobody(Dialect::Json)).await;
        player.binds("game", &format!("{signal:?}")).await;
        assert_eq!(bus.etcd.records("pitaya/servers/").await.len(), 2);
        let mut servers = [gate, game];
        if backend_first {
            servers.reverse();
        }
        for server in servers {
            let (status, log) = server.end(signal).await;
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(!log.contains("ERROR"), "{log}");
        }
        assert_eq!(bus.etcd.records("pitaya/servers/").await, []);
        player.rest().await;
    }
}

#[tokio::test]
async fn servers_of_two_prefixes_do_not_see_each_other() {
    let bus = Bus::start().await;
    let flags = ["-sdprefix", "other/", BACKEND[0], BACKEND[1]];
    let (gate, _game) = tokio::join!(
        bus.server(Make::Rust, Dialect::Json, &[]),
        bus.server(Make::Rust, Dialect::Json, &flags),
    );
    let keys = |records: Vec<(String, String)>| records.len();
    assert_eq!(keys(bus.etcd.records("other/servers/game/").await), 1);
    assert_eq!(keys(bus.etcd.records("pitaya/servers/connector/").await), 1);
    assert_eq!(keys(bus.etcd.records("").await), 2);
    let mut player = gate.player(Transport::Tcp).await;
    assert_eq!(player.call(1, HELLO, b"").await, nobody(Dialect::Json));
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_and_this_over_the_default() {
    let bus = Bus::start().await;
    for (flags, prefix) in [(&[][..], "environment/"), (&["-sdprefix=flag/"], "flag/")] {
        let variables = [("PITAYA_CLUSTER_SD_ETCD_PREFIX", "environment/")];
        let server = bus.server_with(flags, &variables).await;
        let records = bus.etcd.records("").await;
        assert_eq!(records.len(), 1, "{records:?}");
        assert!(records[0].0.starts_with(prefix), "{records:?}");
        server.end(Signal::TERM).await;
    }
}

#[tokio::test]
async fn without_etcd_or_nats_the_start_fails_and_says_why() {
    let mut bus = Bus::start().await;
    let told = |bus: &Bus| {
        bus.variables()
            .into_iter()
            .chain([
                ("PITAYA_CLUSTER_SD_ETCD_DIALTIMEOUT", "2s".to_owned()),
                (
                    "PITAYA_CLUSTER_RPC_CLIENT_NATS_MAXRECONNECTIONRETRIES",
                    "1".to_owned(),
                ),
                (
                    "PITAYA_CLUSTER_RPC_SERVER_NATS_MAXRECONNECTIONRETRIES",
                    "1".to_owned(),
                ),
            ])
            .collect::<Vec<_>>()
    };
    bus.nats.kill();
    let variables = told(&bus);
    let variables: Vec<_> = variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (code, stderr) = run(&BACKEND, &variables).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.to_lowercase().contains("nats"), "{stderr}");
    assert!(!stderr.contains("all modules started!"), "{stderr}");
    assert_eq!(bus.etcd.records("").await, []);

    bus.nats.restart().await;
    bus.etcd.kill();
    let (code, stderr) = run(&BACKEND, &variables).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("etcd"), "{stderr}");
    assert!(!stderr.contains("all modules started!"), "{stderr}");
}
