//! What others write into etcd: changed records, Go's, C++'s, and garbage.

use std::time::Duration;

use cluster_tests::etcd::Etcd;
use cluster_tests::member::{Member, config, key, server};
use cluster_tests::{DEADLINE, capture_logs, eventually};
use pitaya::cluster::Discovery;
use pitaya::cluster::discovery::etcd::EtcdConfig;

#[tokio::test]
async fn a_changed_record_of_a_known_server_is_applied() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    etcd.put(
        &key("g"),
        r#"{"id":"g","type":"game","metadata":{"port":"1"}}"#,
    )
    .await;
    a.will_see("a g").await;
    etcd.put(
        &key("g"),
        r#"{"id":"g","type":"game","metadata":{"port":"2"}}"#,
    )
    .await;
    let port = || {
        a.directory
            .by_id("g")
            .and_then(|g| g.metadata.get("port").cloned())
    };
    eventually("the new port is seen", || port().as_deref() == Some("2")).await;
    assert_eq!(a.changes(), ["+a", "+g", "-g", "+g"]);

    // One's own change reaches Go servers too, which take no change of a record: deleted first.
    let mut watch = etcd
        .client()
        .await
        .watch(key("a"), None)
        .await
        .expect("etcd answers");
    let mut changed = server("a");
    changed.metadata.insert("k".to_owned(), "v".to_owned());
    a.discovery.register(&changed).await.expect("etcd is there");
    let versions = tokio::time::timeout(DEADLINE, async {
        let mut versions = Vec::new();
        while versions.len() < 2 {
            let message = watch.message().await.expect("etcd answers");
            let message = message.expect("the watch lives");
            let records = message.events().iter().filter_map(|event| event.kv());
            versions.extend(records.map(|record| record.version()));
        }
        versions
    });
    let versions = versions.await.expect("two events");
    assert_eq!(versions, [0, 1], "deleted, then written as a new record");
    assert_eq!(
        etcd.records(&key("a")).await,
        [(key("a"), changed.to_record())]
    );
    assert_eq!(a.directory.by_id("a").as_deref(), Some(&changed));
    assert_eq!(a.discovery.registrations(), 1, "the lease is the same");
}

#[tokio::test]
async fn records_of_other_kinds_of_servers_are_read() {
    let etcd = Etcd::start().await;
    for (id, record) in [
        (
            "go-nil",
            r#"{"id":"go-nil","type":"game","metadata":null,"frontend":false,"hostname":"h"}"#,
        ),
        (
            "go-esc",
            r#"{"id":"go-esc","type":"game","metadata":{"b\u003c":"\u2028"},"frontend":true,"hostname":"h"}"#,
        ),
        (
            "cpp",
            r#"{"id":"cpp","type":"game","metadata":"","frontend":false,"hostname":"h"}"#,
        ),
        (
            "case",
            r#"{"ID":"case","TYPE":"game","other":[1,{"x":null}]}"#,
        ),
    ] {
        etcd.put(&key(id), record).await;
    }
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    assert_eq!(a.sees(), "a case cpp go-esc go-nil");
    assert_eq!(a.discovery.skipped_records(), 0);
    let escaped = a.directory.by_id("go-esc").expect("it is seen");
    assert!(escaped.frontend);
    assert_eq!(escaped.metadata["b<"], "\u{2028}");
}

#[tokio::test]
async fn garbage_is_counted_and_touches_nobody_else() {
    let (logged, _guard) = capture_logs();
    let etcd = Etcd::start().await;
    let garbage: [(&str, Vec<u8>); 14] = [
        ("test/servers/game/null", b"null".to_vec()),
        ("test/servers/game/empty", Vec::new()),
        ("test/servers/game/bytes", vec![0xff; 1000]),
        ("test/servers/game/huge", vec![b'['; 1 << 20]),
        ("test/servers/game/array", b"[]".to_vec()),
        ("test/servers/game/text", br#""text""#.to_vec()),
        (
            "test/servers/game/cut",
            br#"{"id":"cut","type":"ga"#.to_vec(),
        ),
        (
            "test/servers/game/two",
            br#"{"id":"two","type":"game"} {}"#.to_vec(),
        ),
        (
            "test/servers/game/number",
            br#"{"id":"number","type":"game","metadata":{"p":1}}"#.to_vec(),
        ),
        (
            "test/servers/game/other",
            br#"{"id":"b","type":"game"}"#.to_vec(),
        ),
        (
            "test/servers/game/kind",
            br#"{"id":"kind","type":"room"}"#.to_vec(),
        ),
        (
            "test/servers/game/x/y",
            br#"{"id":"y","type":"game"}"#.to_vec(),
        ),
        ("test/servers/game", br#"{"id":"z","type":"game"}"#.to_vec()),
        ("test/servers//", br#"{"id":"y","type":"game"}"#.to_vec()),
    ];
    let write = async || {
        for (key, value) in garbage.clone() {
            etcd.put(key, value).await;
        }
    };
    write().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    assert_eq!(
        (a.sees().as_str(), a.discovery.skipped_records()),
        ("a", 14)
    );
    let b = Member::join(config(&etcd.endpoint()), "b").await;
    a.will_see("a b").await;
    write().await;
    eventually("all is met again", || a.discovery.skipped_records() == 28).await;
    for (key, _) in &garbage {
        etcd.delete(key).await;
    }
    // Below the prefix, and yet no server's.
    etcd.put("test/bindings/game/b", "b").await;
    etcd.delete("test/bindings/game/b").await;
    b.leave().await;
    a.will_see("a").await;
    assert_eq!(a.changes(), ["+a", "+b", "-b"]);
    assert_eq!(
        (a.discovery.skipped_records(), a.discovery.rebuilds()),
        (28, 0)
    );
    // By each of both servers once, with its key.
    for (key, _) in &garbage {
        let lines = logged.lines_with(&format!("key={key} "));
        assert_eq!(lines.len(), 2, "{key}: {lines:?}");
    }
}

#[tokio::test]
async fn a_server_that_moves_to_another_type_stays_seen() {
    let etcd = Etcd::start().await;
    let a = Member::join(config(&etcd.endpoint()), "a").await;
    etcd.put(&key("m"), r#"{"id":"m","type":"game"}"#).await;
    etcd.put("test/servers/room/m", r#"{"id":"m","type":"room"}"#)
        .await;
    etcd.delete(&key("m")).await;
    etcd.put(&key("n"), r#"{"id":"n","type":"game"}"#).await;
    a.will_see("a m n").await;
    assert_eq!(
        a.directory.counts().into_iter().collect::<Vec<_>>(),
        [("game".into(), 2), ("room".into(), 1)]
    );
}

#[tokio::test]
async fn more_records_than_one_page_are_read_and_read_again() {
    let etcd = Etcd::start().await;
    let ids: Vec<_> = (0..300).map(|n| format!("s{n:03}")).collect();
    for id in &ids {
        etcd.put(&key(id), server(id).to_record()).await;
    }
    etcd.put(&key("bad"), "null").await;
    let often = EtcdConfig {
        sync_interval: Duration::from_millis(100),
        ..config(&etcd.endpoint())
    };
    let a = Member::join(often, "a").await;
    assert_eq!(a.directory.of_kind("game").len(), 301);
    eventually("the list is read again", || {
        a.discovery.skipped_records() >= 4
    })
    .await;
    etcd.delete(&key("s123")).await;
    eventually("it is gone", || a.directory.of_kind("game").len() == 300).await;
    assert_eq!(
        a.changes().len(),
        302,
        "reading again changes nothing by itself"
    );
    assert_eq!(a.discovery.rebuilds(), 0);
}
