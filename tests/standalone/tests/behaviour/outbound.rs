//! What waits for one client: bounded, in order, and flushed or dropped at the end.

use std::time::Duration;

use pitaya::app::config::{Config, Overflow};
use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, Bytes, Session};
use standalone_tests::{DEADLINE, decode, message_packet};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use super::support::{
    Book, MemoryClient, app_with, connect_in_memory, eventually, newest_session, stage,
    start_in_memory,
};

/// So little fits into the connection that a client that doesn't read blocks it at once.
const PIPE: usize = 64;

/// An app with one client that has not read anything since its handshake, and that client's session.
async fn deaf(book: &Book, change: impl FnOnce(&mut Config)) -> (App, MemoryClient, Session) {
    let app = app_with(change)
        .handler(stage().0)
        .recorder(book.recorder());
    let (app, connector) = start_in_memory(app, PIPE).await;
    let client = connect_in_memory(&connector).await;
    let session = newest_session(&app);
    // The acknowledgement opens the way for pushes; this one blocks it.
    session
        .push("plug", &Bytes::from(vec![b'p'; 2 * PIPE]))
        .await
        .unwrap();
    tokio::task::yield_now().await;
    (app, client, session)
}

/// Pushes numbered messages until one is refused: how many were not.
async fn push_until_refused(session: &Session) -> usize {
    for n in 0.. {
        if let Err(error) = session.push("n", &Bytes::from(n.to_string())).await {
            assert_eq!(
                (error.code(), error.message()),
                ("PIT-499", "the session's outbound queue is full")
            );
            return n;
        }
        assert!(n < 1_000_000, "the queue has no bound");
    }
    unreachable!("the loop has no end")
}

fn queue_full(book: &Book) -> f64 {
    book.total("pitaya_agent_dropped_messages_total{cause=queue_full}")
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_the_bound_close_the_session_at_once() {
    let book = Book::default();
    let (app, client, session) = deaf(&book, |config| config.buffer.messages = 10).await;
    let since = Instant::now();
    let queued = push_until_refused(&session).await;
    assert!((10..=11).contains(&queued), "{queued}");
    assert_eq!(session.close_reason(), Some(CloseReason::Overflow));
    eventually("nobody finds it", || app.handle().sessions().count() == 0).await;
    eventually("it is counted", || book.closed("overflow") == 1.0).await;
    // Not when the write deadline has passed, although the client still doesn't read.
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(queue_full(&book), 1.0);
    let dropped = book.total("pitaya_agent_dropped_messages_total{cause=connection_closed}");
    assert!(
        (queued - 1..=queued).contains(&(dropped as usize)),
        "{dropped} of {queued}"
    );
    drop(client);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn more_bytes_than_the_bound_close_the_session() {
    let book = Book::default();
    let (app, client, session) = deaf(&book, |config| config.buffer.bytes = 64 * 1024).await;
    let mut queued = 0;
    let half = Bytes::from(vec![b'x'; 30 * 1024]);
    while session.push("half", &half).await.is_ok() {
        queued += 1;
        assert!(queued < 10, "the bytes have no bound");
    }
    assert!((2..=3).contains(&queued), "{queued}");
    assert_eq!(session.close_reason(), Some(CloseReason::Overflow));
    drop(client);
    app.shutdown().await;
}

#[tokio::test]
async fn a_single_message_may_be_larger_than_the_bound() {
    let app = app_with(|config| config.buffer.bytes = 64 * 1024).handler(stage().0);
    let (app, connector) = start_in_memory(app, PIPE).await;
    let mut client = connect_in_memory(&connector).await;
    client.call(1, "stage.echo", b"").await;
    let big = Bytes::from(vec![b'x'; 500 * 1024]);
    newest_session(&app).push("big", &big).await.unwrap();
    assert_eq!(client.message().await.body, big);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn with_overflow_drop_the_message_is_dropped_and_counted_and_the_session_lives() {
    let book = Book::default();
    let (app, mut client, session) = deaf(&book, |config| {
        config.buffer.messages = 10;
        config.buffer.overflow = Overflow::Drop;
    })
    .await;
    let queued = push_until_refused(&session).await;
    assert!(session.push("n", &Bytes::new()).await.is_err());
    assert_eq!(queue_full(&book), 2.0);
    assert!(!session.is_closed());
    assert_eq!(client.message().await.route, "plug");
    for n in 0..queued {
        assert_eq!(client.message().await.text(), n.to_string());
    }
    session.push("again", &Bytes::new()).await.unwrap();
    assert_eq!(client.message().await.route, "again");
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_closed_at_the_write_deadline() {
    let book = Book::default();
    let (app, client, session) = deaf(&book, |config| {
        config.heartbeat.interval = Duration::from_secs(3600);
        config.buffer.write_timeout = Duration::from_secs(30);
    })
    .await;
    let since = Instant::now();
    timeout(10 * DEADLINE, session.closed())
        .await
        .expect("it ends by itself");
    assert_eq!(session.close_reason(), Some(CloseReason::WriteTimeout));
    assert!(
        (29..=31).contains(&since.elapsed().as_secs()),
        "{:?}",
        since.elapsed()
    );
    eventually("it is counted", || book.closed("write_timeout") == 1.0).await;
    drop(client);
    app.shutdown().await;
}

/// What the client of a session gets when `end` ends it behind fifty pushes.
async fn flushed(end: impl AsyncFnOnce(&Session)) -> (Vec<(PacketType, String)>, CloseReason) {
    let (app, mut client, session) = deaf(&Book::default(), |_| {}).await;
    for n in 0..50 {
        session.push(&n.to_string(), &Bytes::new()).await.unwrap();
    }
    end(&session).await;
    for _ in 0..3 {
        let refused = session.push("late", &Bytes::new()).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            ("PIT-499", "broken low-level pipe")
        );
        // A second end of whatever kind changes nothing.
        session.kick().await.unwrap();
        session.close().await;
    }
    let packets = client
        .rest()
        .await
        .into_iter()
        .filter(|(kind, _)| *kind != PacketType::Heartbeat);
    let named = packets.map(|(kind, body)| match kind {
        PacketType::Data => (kind, decode(&body).route),
        _ => (kind, String::new()),
    });
    let named = named.collect();
    app.shutdown().await;
    (named, session.close_reason().expect("it has ended"))
}

fn fifty_pushes() -> Vec<(PacketType, String)> {
    let routes = ["plug".to_owned()]
        .into_iter()
        .chain((0..50).map(|n| n.to_string()));
    routes.map(|route| (PacketType::Data, route)).collect()
}

#[tokio::test]
async fn a_kick_lets_everything_queued_leave_then_says_so_then_closes() {
    let (packets, reason) = flushed(async |session| session.kick().await.unwrap()).await;
    let mut expected = fifty_pushes();
    expected.push((PacketType::Kick, String::new()));
    assert_eq!(packets, expected);
    assert_eq!(reason, CloseReason::Kicked);
}

#[tokio::test]
async fn a_close_lets_everything_queued_leave_and_says_nothing() {
    let (packets, reason) = flushed(async |session| session.close().await).await;
    assert_eq!(packets, fifty_pushes());
    assert_eq!(reason, CloseReason::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_kick_of_a_client_that_takes_nothing_ends_at_the_write_deadline() {
    let book = Book::default();
    let (app, client, session) = deaf(&book, |config| {
        config.heartbeat.interval = Duration::from_secs(3600);
        config.buffer.write_timeout = Duration::from_secs(30);
    })
    .await;
    let since = Instant::now();
    session.kick().await.unwrap();
    timeout(10 * DEADLINE, async {
        while book.closed("kicked") == 0.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it ends by itself");
    assert!(
        since.elapsed() <= Duration::from_secs(31),
        "{:?}",
        since.elapsed()
    );
    drop(client);
    app.shutdown().await;
}

#[tokio::test]
async fn the_answer_of_a_handler_that_kicked_its_client_is_dropped_and_counted() {
    let book = Book::default();
    let app = app_with(|_| {})
        .handler(stage().0)
        .recorder(book.recorder());
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.kick", b"").await;
    client.request(2, "stage.echo", b"").await;
    assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    eventually("it is counted", || book.closed("kicked") == 1.0).await;
    assert_eq!(
        book.total("pitaya_agent_dropped_messages_total{cause=connection_closed}"),
        1.0
    );
    assert_eq!(
        book.total("pitaya_message_dropped_total{cause=connection_closed}"),
        1.0
    );
    app.shutdown().await;
}

#[tokio::test]
async fn pushes_made_before_the_clients_acknowledgement_wait_for_it() {
    let app = app_with(|config| config.buffer.messages = 5).handler(stage().0);
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut client = standalone_tests::RawClient::over(connector.connect().unwrap());
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(client.packet().await.unwrap().0, PacketType::Handshake);
    let session = newest_session(&app);
    for route in ["a", "b"] {
        session.push(route, &Bytes::new()).await.unwrap();
    }
    client.send(PacketType::HandshakeAck, b"").await;
    client.request(1, "stage.echo", b"").await;
    assert_eq!(client.message().await.route, "a");
    assert_eq!(client.message().await.route, "b");
    assert_eq!(client.message().await.id, 1);
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_left_in_part_is_followed_by_nothing() {
    for reason in [
        CloseReason::Overflow,
        CloseReason::WriteTimeout,
        CloseReason::Kicked,
    ] {
        let book = Book::default();
        let (app, mut client, session) = deaf(&book, |config| {
            config.heartbeat.interval = Duration::from_secs(3600);
            config.buffer.messages = 10;
        })
        .await;
        match reason {
            CloseReason::Overflow => {
                push_until_refused(&session).await;
            }
            CloseReason::Kicked => {
                session.push("next", &Bytes::new()).await.unwrap();
                session.kick().await.unwrap();
            }
            _ => session.push("next", &Bytes::new()).await.unwrap(),
        }
        timeout(10 * DEADLINE, async {
            while book.closed(reason.label()) == 0.0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("it ends by itself");
        let mut came = Vec::new();
        client.socket.read_to_end(&mut came).await.unwrap();
        let plug = message_packet(MessageKind::Push, 0, "plug", &[b'p'; 2 * PIPE]);
        assert!(
            !came.is_empty() && came.len() < plug.len(),
            "{}",
            came.len()
        );
        assert!(plug.starts_with(&came), "{reason:?}: {came:?}");
        app.shutdown().await;
    }
}

fn replaced(book: &Book) -> f64 {
    book.total("pitaya_agent_dropped_messages_total{cause=replaced}")
}

/// Pushes routes one after the other; `key/route` with a key.
async fn push_all(session: &Session, pushes: &[&str]) {
    for push in pushes {
        match push.split_once('/') {
            Some((key, route)) => session.push_latest(key, route, &Bytes::new()).await,
            None => session.push(push, &Bytes::new()).await,
        }
        .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_a_key_leaves_in_its_place_and_earlier_ones_are_counted() {
    let cases: [(&[&str], &[&str], f64); 6] = [
        (&["k/1", "k/2", "k/3"], &["3"], 2.0),
        // Behind what was pushed before it: nothing overtakes.
        (&["k/1", "a", "k/2"], &["a", "2"], 1.0),
        (
            &["a", "k/1", "b", "l/2", "k/3", "c", "l/4"],
            &["a", "b", "3", "c", "4"],
            2.0,
        ),
        (
            &["k/1", "l/2", "m/3", "k/4", "m/5", "l/6"],
            &["4", "5", "6"],
            3.0,
        ),
        (&["k/1", "a", "l/2"], &["1", "a", "2"], 0.0),
        // Two keys are told apart, a third one is not.
        (
            &["k/1", "l/2", "m/3", "n/4", "n/5", "n/6", "k/7"],
            &["2", "3", "4", "5", "6", "7"],
            1.0,
        ),
    ];
    for (pushes, expected, count) in cases {
        let book = Book::default();
        let keys = if expected.len() == 6 { 2 } else { 3 };
        let (app, mut client, session) = deaf(&book, |config| config.buffer.keys = keys).await;
        push_all(&session, pushes).await;
        assert_eq!(client.message().await.route, "plug");
        for route in expected {
            assert_eq!(client.message().await.route, *route, "{pushes:?}");
        }
        assert_eq!(replaced(&book), count, "{pushes:?}");
        let beyond = if keys == 2 { 4.0 } else { 0.0 };
        let counted = book.total("pitaya_limit_reached_total{cause=push_keys}");
        assert_eq!(counted, beyond, "{pushes:?}");
        // What has left is replaced by nothing.
        push_all(&session, &["k/8"]).await;
        assert_eq!(client.message().await.route, "8");
        push_all(&session, &["k/9", "a"]).await;
        assert_eq!(client.message().await.route, "9");
        assert_eq!(client.message().await.route, "a");
        assert_eq!(replaced(&book), count, "{pushes:?}");
        app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_not_given_up_over_messages_that_replace_each_other() {
    let book = Book::default();
    let (app, mut client, session) = deaf(&book, |config| config.buffer.messages = 10).await;
    for n in 0..10_000 {
        let key = format!("pos:{}", n % 7);
        session
            .push_latest(&key, "pos", &Bytes::from(n.to_string()))
            .await
            .unwrap();
    }
    assert_eq!(replaced(&book), 9_993.0);
    assert_eq!(client.message().await.route, "plug");
    for n in 9_993..10_000 {
        assert_eq!(client.message().await.text(), n.to_string());
    }
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn pushes_to_users_and_groups_replace_each_other_too() {
    let book = Book::default();
    let (app, mut client, session) = deaf(&book, |_| {}).await;
    session.bind("anna").await.unwrap();
    let groups = app.handle().groups();
    groups.create("room").await.unwrap();
    groups.add_member("room", "anna").await.unwrap();
    for n in 1..4 {
        let (body, to) = (Bytes::from(n.to_string()), "game");
        let sent = groups.broadcast_latest(to, "room", "k", "pos", &body).await;
        sent.unwrap().into_result().unwrap();
        let sent = app
            .handle()
            .push_latest_to_users(to, ["anna"], "l", "mood", &body)
            .await;
        sent.unwrap().into_result().unwrap();
    }
    assert_eq!(replaced(&book), 4.0);
    assert_eq!(client.message().await.route, "plug");
    for route in ["pos", "mood"] {
        let message = client.message().await;
        assert_eq!((&*message.route, message.text()), (route, "3"));
    }
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_fit_replaces_nothing() {
    let book = Book::default();
    let (app, mut client, session) = deaf(&book, |config| {
        config.buffer.bytes = 2048;
        config.buffer.overflow = Overflow::Drop;
    })
    .await;
    push_all(&session, &["k/1", "a"]).await;
    let large = Bytes::from(vec![b'l'; 4096]);
    assert!(session.push_latest("k", "large", &large).await.is_err());
    assert_eq!((queue_full(&book), replaced(&book)), (1.0, 0.0));
    for route in ["plug", "1", "a"] {
        assert_eq!(client.message().await.route, route);
    }
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn keys_hold_when_a_batch_takes_only_the_first_of_many_messages() {
    let book = Book::default();
    let (app, mut client, session) = deaf(&book, |_| {}).await;
    // Several batches: some messages with a key are taken, some stay and are replaced then.
    let large = Bytes::from(vec![b'l'; 50 << 10]);
    for n in 0..8 {
        session
            .push_latest(&format!("k{n}"), &format!("first {n}"), &large)
            .await
            .unwrap();
        session.push(&format!("plain {n}"), &large).await.unwrap();
    }
    assert_eq!(client.message().await.route, "plug");
    let mut came = vec![client.message().await.route];
    for n in 0..8 {
        session
            .push_latest(&format!("k{n}"), &format!("second {n}"), &large)
            .await
            .unwrap();
    }
    session.push("end", &Bytes::new()).await.unwrap();
    while came.last().unwrap() != "end" {
        came.push(client.message().await.route);
    }
    let names = |what: &str| -> Vec<String> {
        came.iter()
            .filter(|route| route.starts_with(what))
            .cloned()
            .collect()
    };
    let numbered =
        |what: &str, from| -> Vec<String> { (from..8).map(|n| format!("{what} {n}")).collect() };
    assert_eq!(names("plain"), numbered("plain", 0));
    assert_eq!(names("second"), numbered("second", 0));
    let first = names("first");
    assert!((1..8).contains(&first.len()), "{first:?}");
    assert_eq!(first, numbered("first", 0)[..first.len()]);
    assert_eq!(replaced(&book), (8 - first.len()) as f64);
    app.shutdown().await;
}
