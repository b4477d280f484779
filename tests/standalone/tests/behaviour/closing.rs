//! The end of sessions: callbacks, counts that never drift, closing all.

use std::time::Duration;

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{Bytes, Session};
use standalone_tests::{DEADLINE, RawClient};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::support::{
    Book, Log, app, app_with, connect, connect_in_memory, eventually, in_time, log, newest_session,
    stage, start, start_in_memory,
};

/// A callback that says its name and the reason.
fn says(
    log: &Log,
    name: &'static str,
) -> impl Fn(Session, CloseReason) -> std::future::Ready<()> + Send + Sync + 'static {
    let log = log.clone();
    move |_, reason| {
        log.say(format!("{name} {reason:?}"));
        std::future::ready(())
    }
}

#[tokio::test]
async fn close_callbacks_run_once_in_order_the_sessions_own_first() {
    let (log, mut heard) = log();
    let app = app()
        .handler(stage().0)
        .on_session_close(says(&log, "app one"))
        .on_session_close(says(&log, "app two"));
    let app = start(app).await;
    let mut client = connect(&app).await;
    let session = newest_session(&app);
    session.on_close(says(&log, "own one")).unwrap();
    session.on_close(says(&log, "own two")).unwrap();
    session.kick().await.unwrap();
    session.close().await;
    client.rest().await;
    heard
        .expect([
            "own one Kicked",
            "own two Kicked",
            "app one Kicked",
            "app two Kicked",
        ])
        .await;
    app.shutdown().await;
    assert_eq!(heard.so_far(), [""; 0]);
}

#[tokio::test]
async fn close_callbacks_run_after_the_sessions_last_handler() {
    for route in ["stage.wait", "stage.overlap"] {
        let (stage, gates, mut heard) = stage();
        let closed = says(&stage.log, "closed");
        let app = start(app().handler(stage).on_session_close(closed)).await;
        let mut client = connect(&app).await;
        let session = newest_session(&app);
        client.request(1, route, b"a").await;
        heard.expect(["start a"]).await;
        drop(client);
        in_time(session.closed()).await;
        eventually("nobody finds it", || app.handle().sessions().count() == 0).await;
        assert_eq!(heard.so_far(), [""; 0]);
        gates.open("a");
        heard
            .expect(["end a", "dropped a", "closed Disconnected"])
            .await;
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_close_callback_may_use_its_session_and_nobody_finds_it_any_more() {
    let (log, mut heard) = log();
    let app = app()
        .handler(stage().0)
        .on_session_close(move |session, _| {
            let log = log.clone();
            async move {
                session.kick().await.unwrap();
                session.close().await;
                let pushed = session.push("late", &Bytes::new()).await.unwrap_err();
                let sessions = session.app().sessions();
                let (by_id, by_uid) = (sessions.by_id(session.id()), sessions.by_uid("ada"));
                session.set("k", 1).unwrap();
                log.say(format!(
                    "{} {:?} {} {}",
                    pushed.code(),
                    session.uid().as_deref(),
                    by_id.is_some(),
                    by_uid.is_some(),
                ));
            }
        });
    let app = start(app).await;
    let mut client = connect(&app).await;
    client.call(1, "stage.bind", b"ada").await;
    drop(client);
    heard.expect([r#"PIT-499 Some("ada") false false"#]).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_callback_registered_on_an_ended_session_runs_at_once() {
    let (log, mut heard) = log();
    let app = app().handler(stage().0).on_session_close(says(&log, "app"));
    let app = start(app).await;
    let client = connect(&app).await;
    let session = newest_session(&app);
    session
        .on_close({
            let log = log.clone();
            move |session, _| {
                // While callbacks run: behind those that are there, before the app's.
                session.on_close(says(&log, "nested")).unwrap();
                std::future::ready(())
            }
        })
        .unwrap();
    drop(client);
    heard
        .expect(["nested Disconnected", "app Disconnected"])
        .await;
    eventually("it has ended", || app.handle().sessions().count() == 0).await;
    session.on_close(says(&log, "late")).unwrap();
    heard.expect(["late Disconnected"]).await;
    app.shutdown().await;
}

/// Ends a connection in one of the ways in which clients do.
async fn come_and_go(address: std::net::SocketAddr, n: u64) {
    let mut client = RawClient::open(address).await;
    match n % 6 {
        // Nothing was said.
        0 => {}
        // Half a handshake.
        1 => client.write(&[1, 0, 0]).await,
        // A handshake whose answer nobody reads.
        2 => client.send(PacketType::Handshake, b"{}").await,
        // A reset in the middle of a call.
        3 => {
            client.shake_hands().await;
            client.request(1, "stage.bind", b"reset").await;
            client.socket.set_zero_linger().expect("the socket lives");
        }
        // The same user again and again.
        4 => {
            client.shake_hands().await;
            client.request(1, "stage.bind", b"ada").await;
            client.request(2, "stage.push", b"x").await;
            let _ = timeout(DEADLINE, client.next_packet()).await;
        }
        // A user of its own, and a kick.
        _ => {
            client.shake_hands().await;
            client
                .request(1, "stage.bind", n.to_string().as_bytes())
                .await;
            client.request(2, "stage.kick", b"").await;
            client.rest().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_never_drift_whatever_clients_do() {
    const CLIENTS: u64 = 2000;
    let book = Book::default();
    let base = Handle::current().metrics().num_alive_tasks();
    let app = start(app().handler(stage().0).recorder(book.recorder())).await;
    let idle = Handle::current().metrics().num_alive_tasks();
    let address = app.local_addr(0).unwrap();
    for round in 0..CLIENTS / 50 {
        let clients: Vec<_> = (0..50)
            .map(|n| tokio::spawn(come_and_go(address, round * 50 + n)))
            .collect();
        for client in clients {
            in_time(client).await.expect("no client panics");
        }
    }
    let sessions = app.handle().sessions();
    eventually("all are gone", || {
        sessions.count() == 0 && sessions.all().is_empty()
    })
    .await;
    eventually("no task is left", || {
        Handle::current().metrics().num_alive_tasks() == idle
    })
    .await;
    assert_eq!(sessions.bound_count(), 0);
    assert_eq!(book.total("pitaya_acceptor_connected_clients"), 0.0);
    let closed: f64 = CloseReason::ALL
        .iter()
        .map(|reason| book.closed(reason.label()))
        .sum();
    assert_eq!(closed, CLIENTS as f64);
    app.shutdown().await;
    eventually("nothing is left", || {
        Handle::current().metrics().num_alive_tasks() == base
    })
    .await;
}

#[tokio::test]
async fn closing_all_kicks_everybody_and_ends_in_time() {
    let (stage, _gates, mut heard) = stage();
    let app = app_with(|config| config.handler.grace = Duration::from_millis(10));
    let app = start(app.handler(stage)).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(connect(&app).await);
    }
    clients[0].request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    assert_eq!(
        in_time(app.handle().sessions().close_all(DEADLINE)).await,
        0
    );
    for client in &mut clients {
        assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    }
    // Others may come afterwards: the app still runs.
    assert_eq!(
        connect(&app)
            .await
            .call(1, "stage.echo", b"hi")
            .await
            .text(),
        "hi"
    );
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn closing_all_waits_no_longer_than_its_deadline() {
    let app = app_with(|config| {
        config.buffer.write_timeout = Duration::from_secs(600);
        config.shutdown.sessions = Duration::from_millis(10);
    });
    let (app, connector) = start_in_memory(app.handler(stage().0), 64).await;
    let client = connect_in_memory(&connector).await;
    newest_session(&app)
        .push("plug", &Bytes::from(vec![0; 1024]))
        .await
        .unwrap();
    let since = Instant::now();
    let limit = Duration::from_secs(2);
    timeout(10 * limit, app.handle().sessions().close_all(limit))
        .await
        .expect("it ends");
    assert!(
        since.elapsed() <= limit + Duration::from_millis(10),
        "{:?}",
        since.elapsed()
    );
    drop(client);
    app.shutdown().await;
}
