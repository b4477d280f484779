//! etcd is killed, emptied, compacted, cut off; servers are killed and stopped.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use cluster_tests::cable::Cable;
use cluster_tests::etcd::Etcd;
use cluster_tests::member::{Member, config, key, server, short_lived};
use cluster_tests::process::Process;
use cluster_tests::{eventually, logs};
use etcd_client::CompactionOptions;
use pitaya::cluster::Discovery;
use rustix::process::{Pid, Signal, kill_process};

/// A server in a process of its own, announced.
fn process(etcd: &Etcd, id: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_member"));
    command.args([&etcd.endpoint(), id]).stdout(Stdio::piped());
    let mut process = Process::start(&mut command);
    let output = process.child().stdout.take().expect("it is piped");
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it says something");
    assert_eq!(line, "ready\n");
    process
}

#[tokio::test]
async fn a_killed_server_vanishes_when_its_lease_ends() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let process = process(&etcd, "b");
    a.will_see("a b").await;
    drop(process);
    assert_eq!(a.sees(), "a b", "nobody has said goodbye");
    a.will_see("a").await;
}

#[tokio::test]
async fn a_server_that_was_stopped_for_longer_than_its_lease_comes_back() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let mut process = process(&etcd, "b");
    a.will_see("a b").await;
    let pid = Pid::from_child(process.child());
    kill_process(pid, Signal::STOP).expect("it runs");
    a.will_see("a").await;
    kill_process(pid, Signal::CONT).expect("it exists");
    a.will_see("a b").await;
}

#[tokio::test]
async fn the_directory_outlives_an_outage_of_etcd() {
    logs();
    let mut etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    a.will_see("a b").await;
    for round in 1..=2 {
        etcd.kill();
        assert!(!a.discovery.is_healthy().await);
        assert_eq!((a.sees(), b.sees()), ("a b".to_owned(), "a b".to_owned()));
        etcd.restart().await;
        eventually("both have read again", || {
            a.discovery.rebuilds() >= round && b.discovery.rebuilds() >= round
        })
        .await;
        assert!(a.discovery.is_healthy().await);
    }
    assert_eq!(a.changes(), ["+a", "+b"], "nobody was missed");
    assert_eq!(b.sees(), "a b");
    // The watch and the announcement both work again.
    let c = Member::join(config(&etcd.endpoint()), "c").await;
    a.will_see("a b c").await;
    b.will_see("a b c").await;
    c.leave().await;
    b.will_see("a b").await;
    b.leave().await;
    a.will_see("a").await;
}

#[tokio::test]
async fn servers_announce_themselves_again_when_etcd_has_lost_everything() {
    logs();
    let mut etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    let c = Member::join(config(&etcd.endpoint()), "c").await;
    a.will_see("a b c").await;
    b.will_see("a b c").await;
    etcd.kill();
    // It dies while nobody can notice.
    drop(c);
    etcd.restart_empty().await;
    let is_back = |member: &Member| member.discovery.registrations() == 2;
    eventually("both are announced again", || is_back(&a) && is_back(&b)).await;
    a.will_see("a b").await;
    b.will_see("a b").await;
    assert_eq!(
        a.changes(),
        ["+a", "+b", "+c", "-c"],
        "only the dead one was removed"
    );
    let records = etcd.records("test/servers/").await;
    let keys: Vec<_> = records.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [key("a"), key("b")]);
}

#[tokio::test]
async fn what_was_compacted_away_during_a_split_is_not_missed() {
    let etcd = Etcd::start().await;
    let cable = Cable::to(&etcd.endpoint()).await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    let a = Member::join(config(&cable.endpoint()), "a").await;
    b.will_see("a b").await;
    cable.cut();
    // Joined, left and changed, and the history of it thrown away.
    let _c = Member::join(config(&etcd.endpoint()), "c").await;
    etcd.put(&key("gone"), server("gone").to_record()).await;
    etcd.delete(&key("gone")).await;
    b.leave().await;
    let mut client = etcd.client().await;
    let now = client.get("x", None).await.expect("etcd answers");
    let now = now.header().expect("every answer has one").revision();
    let physically = Some(CompactionOptions::new().with_physical());
    client
        .compact(now, physically)
        .await
        .expect("etcd compacts");
    assert_eq!(a.sees(), "a b", "what is known stays known meanwhile");
    cable.mend();
    a.will_see("a c").await;
    assert_eq!(a.changes(), ["+b", "+a", "+c", "-b"]);
}

#[tokio::test]
async fn a_server_that_was_cut_off_is_announced_anew() {
    let etcd = Etcd::start().await;
    let cable = Cable::to(&etcd.endpoint()).await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let b = Member::join(short_lived(&cable.endpoint()), "b").await;
    a.will_see("a b").await;
    cable.cut();
    a.will_see("a").await;
    assert_eq!(b.sees(), "a b", "it goes on with what it knows");
    cable.mend();
    a.will_see("a b").await;
    assert!(b.discovery.registrations() >= 2, "with a new lease");
    assert_eq!(b.changes(), ["+a", "+b"]);
    b.leave().await;
    a.will_see("a").await;
}

#[tokio::test]
async fn a_deleted_record_is_put_back_while_its_lease_lives() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    a.will_see("a b").await;
    for n in 1..=3 {
        etcd.delete(&key("b")).await;
        eventually("it is put back", || {
            a.changes().iter().filter(|change| *change == "+b").count() == n + 1
        })
        .await;
    }
    assert_eq!(b.sees(), "a b");
    assert_eq!(b.changes(), ["+a", "+b"], "it never took itself for gone");
    assert_eq!(b.discovery.registrations(), 1);
    b.leave().await;
    assert_eq!(etcd.records(&key("b")).await, [], "put back with its lease");
}

#[tokio::test]
async fn a_revoked_lease_is_replaced_at_once() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    a.will_see("a b").await;
    let mut client = etcd.client().await;
    let found = client.get(key("b"), None).await.expect("etcd answers");
    let lease = found.kvs().first().expect("it is announced").lease();
    client
        .lease_client()
        .revoke(lease)
        .await
        .expect("etcd answers");
    eventually("it is announced again", || b.discovery.registrations() == 2).await;
    a.will_see("a b").await;
    eventually("everybody saw it go and come", || {
        a.changes() == ["+a", "+b", "-b", "+b"]
    })
    .await;
    b.leave().await;
    a.will_see("a").await;
}

#[tokio::test]
async fn leaving_without_etcd_fails_in_time_and_ends_everything() {
    let mut etcd = Etcd::start().await;
    let settings = pitaya::cluster::discovery::etcd::EtcdConfig {
        revoke_timeout: std::time::Duration::from_millis(200),
        ..config(&etcd.endpoint())
    };
    let a = Member::join(settings, "a").await;
    etcd.kill();
    let error = a
        .discovery
        .deregister()
        .await
        .expect_err("nobody takes it")
        .to_string();
    assert!(
        error.starts_with("cannot withdraw from etcd at "),
        "{error}"
    );
    assert_eq!(a.sees(), "");
    a.discovery.close().await.expect("everything ends");
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    eventually("every task ends", || tasks() == 0).await;
}
