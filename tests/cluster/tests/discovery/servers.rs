//! Servers come, are seen, and go.

use std::time::Duration;

use cluster_tests::etcd::Etcd;
use cluster_tests::member::{Member, config, key, server};
use cluster_tests::process::free_port;
use cluster_tests::{eventually, logs};
use etcd_client::LeaseTimeToLiveOptions;
use pitaya::cluster::discovery::etcd::{EtcdConfig, EtcdDiscovery};
use pitaya::cluster::{Directory, Discovery};

#[tokio::test]
async fn servers_see_each_other_join_and_leave() {
    logs();
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    assert_eq!(
        a.sees(),
        "a",
        "the own server is seen as soon as it is announced"
    );
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    assert_eq!(b.sees(), "a b", "who is there is seen when watch returns");
    a.will_see("a b").await;
    assert!(a.discovery.is_healthy().await);

    let mut client = etcd.client().await;
    let found = client.get(key("a"), None).await.expect("etcd answers");
    let record = found.kvs().first().expect("it is announced");
    assert_eq!(record.value(), server("a").to_record().as_bytes());
    let lease = client
        .lease_client()
        .time_to_live(record.lease(), None)
        .await;
    assert_eq!(lease.expect("etcd answers").granted_ttl(), 30);

    b.leave().await;
    assert_eq!(
        etcd.records(&key("b")).await,
        [],
        "a withdrawn record is gone at once"
    );
    a.will_see("a").await;
    assert_eq!(a.changes(), ["+a", "+b", "-b"]);
    a.leave().await;
    assert_eq!(etcd.records("").await, []);
}

#[tokio::test]
async fn a_lease_has_whole_seconds_and_holds_one_record() {
    let etcd = Etcd::start().await;
    let settings = EtcdConfig {
        heartbeat_ttl: Duration::from_millis(10_200),
        ..config(&etcd.endpoint())
    };
    let a = Member::join(settings.clone(), "a").await;
    let _b = Member::join(settings, "b").await;
    a.will_see("a b").await;
    let mut client = etcd.client().await;
    for id in ["a", "b"] {
        let found = client.get(key(id), None).await.expect("etcd answers");
        let lease = found.kvs().first().expect("it is announced").lease();
        let options = LeaseTimeToLiveOptions::new().with_keys();
        let lease = client
            .lease_client()
            .time_to_live(lease, Some(options))
            .await
            .expect("etcd answers");
        assert_eq!(lease.granted_ttl(), 11);
        assert_eq!(lease.keys(), [key(id).into_bytes()]);
    }
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_server_lives() {
    let etcd = Etcd::start().await;
    let settings = EtcdConfig {
        heartbeat_ttl: Duration::from_secs(3),
        ..config(&etcd.endpoint())
    };
    let a = Member::join(settings.clone(), "a").await;
    let b = Member::join(settings, "b").await;
    a.will_see("a b").await;
    // Two times to live: without renewals the record expires within this, as etcd itself counts it.
    let client = etcd.client().await;
    let clock = client
        .lease_client()
        .grant(6, None)
        .await
        .expect("etcd answers")
        .id();
    loop {
        let left = client
            .lease_client()
            .time_to_live(clock, None)
            .await
            .expect("etcd answers");
        if left.ttl() <= 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((a.sees(), b.sees()), ("a b".to_owned(), "a b".to_owned()));
    assert_eq!(a.changes(), ["+a", "+b"]);
    assert_eq!(
        (a.discovery.registrations(), b.discovery.registrations()),
        (1, 1)
    );
}

#[tokio::test]
async fn fifty_servers_join_at_once() {
    let etcd = Etcd::start().await;
    let ids: Vec<_> = (0..50).map(|n| format!("s{n:02}")).collect();
    let mut joining = tokio::task::JoinSet::new();
    for id in ids.clone() {
        let config = config(&etcd.endpoint());
        joining.spawn(async move { Member::join(config, &id).await });
    }
    let members = joining.join_all().await;
    for member in &members {
        member.will_see(&ids.join(" ")).await;
        assert_eq!(
            member.changes().len(),
            50,
            "each is seen once: {:?}",
            member.changes()
        );
    }
    let mut leaving = tokio::task::JoinSet::new();
    members
        .into_iter()
        .for_each(|member| drop(leaving.spawn(member.leave())));
    leaving.join_all().await;
    assert_eq!(etcd.records("").await, []);
}

#[tokio::test]
async fn nothing_is_left_after_close() {
    let etcd = Etcd::start().await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    eventually("the start's own tasks end", || tasks() == 0).await;
    for _ in 0..2 {
        let a = Member::join(config(&etcd.endpoint()), "a").await;
        let b = Member::join(config(&etcd.endpoint()), "b").await;
        a.will_see("a b").await;
        assert!(tasks() > 0);
        a.leave().await;
        // Closed without a farewell.
        b.discovery.close().await.expect("everything ends");
        assert!(!b.sees().is_empty());
        eventually("every task ends", || tasks() == 0).await;
    }
    // Dropped without being closed.
    drop(Member::join(config(&etcd.endpoint()), "c").await);
    eventually("every task ends", || tasks() == 0).await;
}

#[tokio::test]
async fn blacklisted_types_are_not_seen_except_oneself() {
    let etcd = Etcd::start().await;
    let blacklist = vec!["game".to_owned(), "noise".to_owned()];
    etcd.put("test/servers/noise/1", r#"{"id":"1","type":"noise"}"#)
        .await;
    etcd.put("test/servers/room/2", r#"{"id":"2","type":"room"}"#)
        .await;
    let a = Member::join(
        EtcdConfig {
            blacklist,
            ..config(&etcd.endpoint())
        },
        "a",
    )
    .await;
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    assert_eq!(b.sees(), "1 2 a b");
    etcd.put("test/servers/noise/3", r#"{"id":"3","type":"noise"}"#)
        .await;
    etcd.put("test/servers/room/4", r#"{"id":"4","type":"room"}"#)
        .await;
    a.will_see("2 4 a").await;
    b.will_see("1 2 3 4 a b").await;
    assert_eq!(a.changes(), ["+2", "+a", "+4"]);
}

#[tokio::test]
async fn without_etcd_the_start_fails_in_time_and_one_of_several_is_enough() {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let settings = EtcdConfig {
        dial_timeout: Duration::from_millis(300),
        ..config(&nowhere)
    };
    let discovery = EtcdDiscovery::new(settings);
    let watched = discovery
        .watch(&server("a"), std::sync::Arc::new(Directory::default()))
        .await;
    let error = watched.expect_err("nobody listens").to_string();
    assert!(
        error.starts_with(&format!("cannot read etcd at {nowhere}: ")),
        "{error}"
    );
    let error = discovery
        .register(&server("a"))
        .await
        .expect_err("nobody listens")
        .to_string();
    assert!(
        error.starts_with(&format!("cannot write to etcd at {nowhere}: ")),
        "{error}"
    );
    assert!(!discovery.is_healthy().await);
    discovery.close().await.expect("there is nothing to end");
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    eventually("every task ends", || tasks() == 0).await;

    let etcd = Etcd::start().await;
    let endpoints = vec![nowhere, etcd.endpoint()];
    let a = Member::join(
        EtcdConfig {
            endpoints,
            ..config("")
        },
        "a",
    )
    .await;
    a.leave().await;

    let odd = Member::look(config(&etcd.endpoint()), "a/b").await;
    let refused = odd.discovery.register(&server("a/b")).await;
    assert!(
        refused
            .expect_err("no other server could read it")
            .to_string()
            .contains("slash")
    );
}

#[tokio::test]
async fn a_user_with_a_password_is_let_in_also_after_a_restart() {
    let mut etcd = Etcd::start().await;
    let mut auth = etcd.client().await.auth_client();
    auth.user_add("root", "secret", None)
        .await
        .expect("etcd answers");
    auth.user_grant_role("root", "root")
        .await
        .expect("etcd answers");
    auth.auth_enable().await.expect("etcd answers");

    let stranger = EtcdConfig {
        dial_timeout: Duration::from_millis(500),
        ..config(&etcd.endpoint())
    };
    let refused = EtcdDiscovery::new(stranger)
        .watch(&server("x"), std::sync::Arc::new(Directory::default()))
        .await;
    assert!(refused.is_err());

    let friend = EtcdConfig {
        user: "root".to_owned(),
        pass: "secret".to_owned(),
        ..config(&etcd.endpoint())
    };
    let a = Member::join(friend.clone(), "a").await;
    let b = Member::join(friend, "b").await;
    a.will_see("a b").await;
    // etcd keeps its tokens in memory only.
    etcd.kill();
    etcd.restart().await;
    eventually("both are back", || {
        a.discovery.rebuilds() > 0 && b.discovery.rebuilds() > 0
    })
    .await;
    b.leave().await;
    a.will_see("a").await;
    a.leave().await;
}
