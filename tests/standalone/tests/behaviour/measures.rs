//! What an app counts and measures, and that it is all documented.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{Bytes, Context, Error, Result, handler};
use standalone_tests::{RawClient, message_packet};

use super::support::{
    Book, app, connect, connect_in_memory, eventually, newest_session, start, start_in_memory,
};

/// The documentation of everything that is measured.
const DOCUMENTED: &str = include_str!("../../../../pitaya/src/docs/metrics.md");

struct Timed;

#[handler]
impl Timed {
    async fn sleep(&self, body: Bytes) -> Result<Bytes> {
        tokio::time::sleep(Duration::from_millis(250)).await;
        Ok(body)
    }

    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("TIME-1", "no time"))
    }

    async fn plain(&self) -> Result<Bytes> {
        Err("no code".into())
    }

    async fn note(&self) {}

    async fn bind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().bind("ada").await?;
        Ok(Bytes::new())
    }
}

fn response_times(book: &Book, method: &str, status: &str, code: &str) -> Vec<f64> {
    let labels = format!("route=game.timed.{method},status={status},type=handler,code={code}");
    book.samples(&format!("pitaya_handler_response_time_ns{{{labels}}}"))
}

fn delays(book: &Book, method: &str) -> Vec<f64> {
    book.samples(&format!(
        "pitaya_handler_handler_delay_ns{{route=game.timed.{method},type=local}}"
    ))
}

#[tokio::test]
async fn response_times_are_told_apart_by_route_status_and_code() {
    let book = Book::default();
    let app = start(app().handler(Timed).recorder(book.recorder())).await;
    let mut client = connect(&app).await;
    for id in 1..=3 {
        client.call(id, "timed.echo", b"x").await;
    }
    client.call(4, "timed.fail", b"").await;
    client.call(5, "timed.fail", b"").await;
    client.call(6, "timed.plain", b"").await;
    client.notify("timed.note", b"").await;
    client.call(7, "game.timed.echo", b"x").await;
    let samples = [
        ("echo", "ok", "", 4),
        ("fail", "failed", "TIME-1", 2),
        ("fail", "ok", "", 0),
        ("plain", "failed", "PIT-000", 1),
        ("note", "ok", "", 1),
    ];
    for (method, status, code, expected) in samples {
        let times = response_times(&book, method, status, code);
        assert_eq!(times.len(), expected, "{method} {status}");
        assert!(
            times.iter().all(|&time| time > 0.0 && time < 60e9),
            "{times:?}"
        );
    }
    for (method, expected) in [("echo", 4), ("fail", 2), ("plain", 1), ("note", 1)] {
        assert_eq!(delays(&book, method).len(), expected, "{method}");
    }
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_response_time_covers_the_handler_and_a_delay_the_wait_for_it() {
    let book = Book::default();
    let (app, connector) =
        start_in_memory(app().handler(Timed).recorder(book.recorder()), 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.call(1, "timed.sleep", b"").await;
    let [time] = response_times(&book, "sleep", "ok", "")[..] else {
        panic!("one call")
    };
    assert!((250e6..260e6).contains(&time), "{time}");
    assert_eq!(delays(&book, "sleep"), [0.0]);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_read_while_a_handler_runs_does_not_shorten_its_response_time() {
    let book = Book::default();
    let (app, connector) =
        start_in_memory(app().handler(Timed).recorder(book.recorder()), 4096).await;
    let mut client = connect_in_memory(&connector).await;
    for (id, method) in [(1, "timed.sleep"), (2, "timed.echo")] {
        let request = message_packet(MessageKind::Request, id, method, b"");
        client.write(&request).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for id in [1, 2] {
        assert_eq!(client.message().await.id, id);
    }
    let [slept] = response_times(&book, "sleep", "ok", "")[..] else {
        panic!("one call")
    };
    assert!((250e6..260e6).contains(&slept), "{slept}");
    assert_eq!(delays(&book, "sleep"), [0.0]);
    let [echoed] = response_times(&book, "echo", "ok", "")[..] else {
        panic!("one call")
    };
    assert!((50e6..60e6).contains(&echoed), "{echoed}");
    let [delay] = delays(&book, "echo")[..] else {
        panic!("one call")
    };
    assert!((50e6..60e6).contains(&delay), "{delay}");
    app.shutdown().await;
}

#[tokio::test]
async fn messages_that_reach_no_handler_are_counted_by_code_or_cause() {
    let book = Book::default();
    let app = start(app().handler(Timed).recorder(book.recorder())).await;
    let mut client = connect(&app).await;
    client.call(1, "timed.none", b"").await;
    client.notify("timed.none", b"").await;
    client.call(2, "other.timed.echo", b"").await;
    client.call(3, "timed.note", b"").await;
    client.call(4, "nonsense", b"").await;
    for kind in [MessageKind::Push, MessageKind::Response] {
        client
            .write(&message_packet(kind, 9, "timed.echo", b""))
            .await;
    }
    client.call(5, "timed.echo", b"").await;
    for (code, expected) in [("PIT-404", 2.0), ("PIT-500", 1.0), ("PIT-400", 2.0)] {
        let key = format!("pitaya_message_refused_total{{cause={code}}}");
        assert_eq!(book.total(&key), expected, "{code}");
    }
    assert_eq!(
        book.total("pitaya_message_dropped_total{cause=not_for_servers}"),
        2.0
    );
    app.shutdown().await;
}

#[tokio::test]
async fn connections_handshakes_and_ends_are_counted_by_cause() {
    let book = Book::default();
    let app = app().handler(Timed).recorder(book.recorder());
    let app = app.handshake_validator("platform", |_, data| async move {
        if &*data.sys.platform == "toaster" {
            Err(Error::msg("no toasters"))
        } else {
            Ok(())
        }
    });
    let app = start(app).await;
    let address = app.local_addr(0).unwrap();
    let connected = || book.total("pitaya_acceptor_connected_clients");

    let leaves = connect(&app).await;
    eventually("one is connected", || connected() == 1.0).await;
    drop(leaves);
    eventually("it left", || book.closed("disconnected") == 1.0).await;
    eventually("nobody is connected", || connected() == 0.0).await;

    let mut kicked = connect(&app).await;
    newest_session(&app).kick().await.unwrap();
    kicked.rest().await;
    let mut closed = connect(&app).await;
    newest_session(&app).close().await;
    closed.rest().await;
    let mut breaks = connect(&app).await;
    breaks.write(&[9, 0, 0, 0]).await;
    breaks.rest().await;
    let mut refused = RawClient::open(address).await;
    refused
        .send(PacketType::Handshake, br#"{"sys":{"platform":"toaster"}}"#)
        .await;
    refused.rest().await;
    let mut earlier = connect(&app).await;
    earlier.call(1, "timed.bind", b"").await;
    let mut later = connect(&app).await;
    later.call(1, "timed.bind", b"").await;
    earlier.rest().await;
    for cause in [
        "kicked",
        "closed",
        "protocol",
        "handshake_refused",
        "replaced",
    ] {
        eventually(cause, || book.closed(cause) == 1.0).await;
    }
    assert_eq!(book.total("pitaya_handshakes_total{outcome=accepted}"), 6.0);
    assert_eq!(book.total("pitaya_handshakes_total{outcome=refused}"), 1.0);
    app.shutdown().await;
    assert_eq!(book.closed("shutdown"), 1.0);
    let ended: f64 = CloseReason::ALL
        .iter()
        .map(|reason| book.closed(reason.label()))
        .sum();
    assert_eq!((ended, connected()), (7.0, 0.0));
}

#[tokio::test]
async fn each_push_measures_the_room_in_the_queue() {
    let book = Book::default();
    let app = super::support::app_with(|config| config.buffer.messages = 7);
    let app = start(app.handler(Timed).recorder(book.recorder())).await;
    let _client = connect(&app).await;
    newest_session(&app)
        .push("on", &Bytes::new())
        .await
        .unwrap();
    let room = book.samples("pitaya_channel_channel_capacity{channel=agent_chsend}");
    assert_eq!(room, [6.0]);
    app.shutdown().await;
}

/// Name, and its labels with the values that were seen: of `name{label=value,..}`.
fn parse(key: &str) -> (&str, Vec<(&str, &str)>) {
    let Some((name, labels)) = key.strip_suffix('}').and_then(|key| key.split_once('{')) else {
        return (key, Vec::new());
    };
    (
        name,
        labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .collect(),
    )
}

/// The rows of the documentation: name, labels, the whole row.
fn documented() -> BTreeMap<String, (BTreeSet<String>, String)> {
    let ticked = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let rows = DOCUMENTED
        .lines()
        .filter(|line| line.starts_with("| `pitaya_"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let name = ticked(cells[1])
            .into_iter()
            .next()
            .expect("a row names its metric");
        (name, (ticked(cells[3]), row.to_owned()))
    });
    rows.collect()
}

#[tokio::test]
async fn everything_that_is_measured_is_documented_and_nothing_else() {
    let book = Book::default();
    let mut config = pitaya::Config::for_test();
    config.concurrency.dispatch = 4;
    let app = app().config(config);
    let app = app.handler(Timed).recorder(book.recorder());
    // What only servers of a cluster count belongs to it.
    let app = app.cluster(pitaya::cluster::Cluster::local(&pitaya::cluster::Hub::new()));
    let app = app.on_session_close(|_, _| async { panic!("to be counted") });
    let app = start(app).await;
    let mut client = connect(&app).await;
    client.call(1, "timed.fail", b"").await;
    client.call(2, "timed.none", b"").await;
    drop(client);
    eventually("the panic is counted", || {
        book.panics("close_callback") == 1.0
    })
    .await;
    app.shutdown().await;

    let documented = documented();
    let mut seen = BTreeSet::new();
    // Whose values are the application's own.
    let free = ["route", "code"];
    for key in book.keys() {
        let (name, labels) = parse(&key);
        seen.insert(name.to_owned());
        let Some((names, row)) = documented.get(name) else {
            panic!("{name} is not documented")
        };
        let used: BTreeSet<_> = labels
            .iter()
            .map(|(label, _)| (*label).to_owned())
            .collect();
        assert_eq!(&used, names, "the labels of {name}");
        for (label, value) in labels {
            let is_server_type = name == "pitaya_service_discovery_count_servers";
            let is_code = value.starts_with("PIT-") || free.contains(&label) || is_server_type;
            assert!(
                is_code || row.contains(&format!("`{value}`")),
                "{label}={value} of {name}"
            );
        }
    }
    // Inside one process nothing is dropped; the suite that has a bus sees this one.
    seen.insert("pitaya_rpc_server_dropped_messages".to_owned());
    assert_eq!(
        seen,
        documented.into_keys().collect(),
        "seen, and documented"
    );
}
