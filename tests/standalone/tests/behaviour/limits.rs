//! Limits on connections and on what runs at the same time, each with its own cause.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pitaya::acceptor::{self, Acceptor, Memory, MemoryConnect};
use pitaya::protocol::compression::Deflater;
use pitaya::protocol::message::{self, MessageKind, RouteRef};
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, Bytes, Config, Tcp, WebSocket};
use standalone_tests::websocket::WsClient;
use standalone_tests::{DEADLINE, RawClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::support::{
    Book, MemoryClient, app, app_with, connect, connect_in_memory, eventually, in_time,
    newest_session, stage, start, start_in_memory,
};

/// Whether the server has closed this connection without a word.
async fn is_refused(app: &App) -> bool {
    let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
    let mut byte = [0];
    matches!(in_time(client.socket.read(&mut byte)).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn one_connection_more_than_the_limit_is_closed_at_once() {
    let book = Book::default();
    let app = app_with(|config| config.limits.connections = 2);
    let app = start(app.handler(stage().0).recorder(book.recorder())).await;
    let first = connect(&app).await;
    let mut second = connect(&app).await;
    assert!(is_refused(&app).await);
    assert_eq!(book.refused("connection_limit"), 1.0);
    assert_eq!(second.call(1, "stage.echo", b"alive").await.text(), "alive");
    drop(first);
    eventually("there is room", || app.handle().sessions().count() == 1).await;
    assert_eq!(
        connect(&app)
            .await
            .call(1, "stage.echo", b"in")
            .await
            .text(),
        "in"
    );
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn more_connections_in_a_second_than_allowed_are_closed_at_once() {
    let book = Book::default();
    let app = app_with(|config| config.limits.accept_rate = 2);
    let app = app.handler(stage().0).recorder(book.recorder());
    let (app, connector) = start_in_memory(app, 4096).await;
    for second in 1..=3 {
        let mut peers = Vec::new();
        for _ in 0..5 {
            peers.push(RawClient::over(connector.connect().unwrap()));
        }
        eventually("they are refused", || {
            book.refused("accept_rate") == f64::from(3 * second)
        })
        .await;
        for refused in &mut peers[2..] {
            assert_eq!(refused.rest().await, []);
        }
        peers[1].shake_hands().await;
        peers[1].call(1, "stage.echo", b"in").await;
        tokio::time::sleep(Duration::from_millis(1001)).await;
    }
    app.shutdown().await;
}

#[tokio::test]
async fn connections_that_are_established_together_keep_the_limit() {
    let book = Book::default();
    let app = app_with(|config| config.limits.connections = 1);
    let app = app.handler(stage().0).recorder(book.recorder());
    let app = app
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    // All are accepted before the first one is served.
    let mut peers = Vec::new();
    for _ in 0..4 {
        let peer = TcpStream::connect(app.local_addr(0).unwrap())
            .await
            .unwrap();
        peers.push(peer);
    }
    let mut served = Vec::new();
    for peer in peers {
        served.push(WsClient::over(peer).await);
    }
    eventually("the others are refused", || {
        book.refused("connection_limit") == 3.0
    })
    .await;
    assert_eq!(app.handle().sessions().count(), 1);
    app.shutdown().await;
}

#[tokio::test]
async fn connections_before_their_handshake_have_a_limit_of_their_own() {
    let book = Book::default();
    let app = app_with(|config| config.limits.handshake.connections = 2);
    let app = start(app.handler(stage().0).recorder(book.recorder())).await;
    let mut silent = RawClient::open(app.local_addr(0).unwrap()).await;
    let other = RawClient::open(app.local_addr(0).unwrap()).await;
    eventually("both are there", || app.handle().sessions().count() == 2).await;
    assert!(is_refused(&app).await);
    assert_eq!(book.refused("handshake_limit"), 1.0);
    // Room comes from a handshake that is done, or from one that will never be.
    silent.shake_hands().await;
    silent.call(1, "stage.echo", b"").await;
    let third = RawClient::open(app.local_addr(0).unwrap()).await;
    eventually("it is in", || app.handle().sessions().count() == 3).await;
    drop((other, third));
    eventually("they are gone", || app.handle().sessions().count() == 1).await;
    for id in 2..10 {
        connect(&app).await.call(id, "stage.echo", b"").await;
    }
    app.shutdown().await;
}

/// Its own, or that of everything up to the handshake's end.
#[tokio::test]
async fn a_stalled_upgrade_ends_at_its_deadline() {
    let (short, hour) = (Duration::from_millis(200), Duration::from_secs(3600));
    for (upgrade, handshake, cause) in [
        (short, hour, "upgrade_timeout"),
        (hour, short, "handshake_timeout"),
    ] {
        let book = Book::default();
        let app = app_with(|config| {
            config.limits.upgrade_timeout = upgrade;
            config.limits.handshake.timeout = handshake;
        });
        let app = app.handler(stage().0).recorder(book.recorder());
        let app = app
            .acceptor(WebSocket::bind("127.0.0.1:0"))
            .start()
            .await
            .unwrap();
        let mut stalled = RawClient::open(app.local_addr(0).unwrap()).await;
        stalled.write(b"GET / HTTP/1.1\r\nHost: x").await;
        assert_eq!(stalled.rest().await, []);
        assert_eq!(book.refused(cause), 1.0);
        app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_for_the_handshake_runs_from_the_moment_of_accepting() {
    let second = Duration::from_secs(1);
    let book = Book::default();
    let app = app_with(|config| {
        config.limits.upgrade_timeout = 8 * second;
        config.limits.handshake.timeout = 10 * second;
        config.heartbeat.interval = 60 * second;
    });
    let (connector, memory) = acceptor::memory(4096);
    let app = app.handler(stage().0).recorder(book.recorder());
    let app = app.acceptor(WebSocket::over(memory)).start().await.unwrap();
    let socket = connector.connect().unwrap();
    tokio::time::sleep(6 * second).await;
    let mut late = WsClient::over(socket).await;
    let since = Instant::now();
    assert_eq!(late.rest().await.len(), 1);
    assert!(since.elapsed() < 5 * second, "{:?}", since.elapsed());
    assert_eq!(book.closed("handshake_timeout"), 1.0);
    app.shutdown().await;
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_refused() {
    let book = Book::default();
    let app = app().handler(stage().0).recorder(book.recorder());
    let app = app
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let mut peer = TcpStream::connect(app.local_addr(0).unwrap())
        .await
        .unwrap();
    peer.write_all(b"\x01\x00\x00\x02{}\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = in_time(peer.read_to_end(&mut answer)).await;
    // The server reads what such a peer still sends, so that the answer is not lost.
    drop(peer);
    eventually("it is counted", || book.refused("not_http") == 1.0).await;
    app.shutdown().await;
}

/// The session ends by itself, that long after `since` on the paused clock.
async fn ends_after(
    limit: Duration,
    since: Instant,
    session: &pitaya::Session,
    reason: CloseReason,
) {
    timeout(10 * DEADLINE, session.closed())
        .await
        .expect("it ends by itself");
    assert_eq!(session.close_reason(), Some(reason));
    let took = since.elapsed();
    assert!(
        took >= limit && took < limit + Duration::from_millis(100),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_not_done_in_time_closes() {
    let limit = Duration::from_secs(7);
    for acknowledged in [false, true] {
        let book = Book::default();
        let app = app_with(|config| {
            config.limits.handshake.timeout = limit;
            config.heartbeat.interval = Duration::from_secs(3600);
        });
        let app = app.handler(stage().0).recorder(book.recorder());
        let (app, connector) = start_in_memory(app, 4096).await;
        let since = Instant::now();
        let mut client = RawClient::over(connector.connect().unwrap());
        if acknowledged {
            // Only the acknowledgement is missing.
            client.send(PacketType::Handshake, b"{}").await;
            assert_eq!(client.packet().await.unwrap().0, PacketType::Handshake);
        }
        let session = loop {
            match app.handle().sessions().by_id(1) {
                Some(session) => break session,
                None => tokio::task::yield_now().await,
            }
        };
        ends_after(limit, since, &session, CloseReason::HandshakeTimeout).await;
        assert_eq!(client.rest().await, []);
        eventually("it is counted", || book.closed("handshake_timeout") == 1.0).await;
        app.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_bound_in_time_is_closed_and_others_stay() {
    let book = Book::default();
    let limit = Duration::from_secs(7);
    let app = app_with(|config| {
        config.limits.bind_timeout = limit;
        config.heartbeat.interval = Duration::from_secs(3600);
    });
    let app = app.handler(stage().0).recorder(book.recorder());
    let (app, connector) = start_in_memory(app, 4096).await;
    let mut bound = connect_in_memory(&connector).await;
    bound.call(1, "stage.bind", b"anna").await;
    let since = Instant::now();
    let mut unbound = connect_in_memory(&connector).await;
    unbound.call(1, "stage.echo", b"").await;
    let session = newest_session(&app);
    ends_after(limit, since, &session, CloseReason::BindTimeout).await;
    assert_eq!(unbound.rest().await, []);
    eventually("it is counted", || book.closed("bind_timeout") == 1.0).await;
    tokio::time::sleep(10 * limit).await;
    assert_eq!(bound.call(2, "stage.echo", b"still").await.text(), "still");
    app.shutdown().await;
}

/// Answers heartbeats, and sends a request at each of them while `busy` says so: what came at last.
async fn beat(client: &mut MemoryClient, busy: impl Fn() -> bool) -> Option<PacketType> {
    let mut last = None;
    while let Some((kind, _)) = client.next_packet().await {
        last = Some(kind);
        if kind == PacketType::Heartbeat {
            client.send(PacketType::Heartbeat, b"").await;
            if busy() {
                client.request(1, "stage.echo", b"").await;
            }
        }
    }
    last
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_beats_is_kicked_when_it_was_idle_for_too_long() {
    let book = Book::default();
    let app = app_with(|config| {
        config.limits.idle_timeout = Duration::from_secs(30);
        config.heartbeat.interval = Duration::from_secs(10);
    });
    let app = app.handler(stage().0).recorder(book.recorder());
    let (app, connector) = start_in_memory(app, 4096).await;
    let since = Instant::now();
    let mut client = connect_in_memory(&connector).await;
    let session = async {
        loop {
            match app.handle().sessions().by_id(1) {
                Some(session) => break session,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let session = session.await;
    let busy = || since.elapsed() < Duration::from_secs(100);
    assert_eq!(beat(&mut client, busy).await, Some(PacketType::Kick));
    assert_eq!(session.close_reason(), Some(CloseReason::IdleTimeout));
    let took = since.elapsed().as_secs();
    assert!((120..=140).contains(&took), "{took}");
    eventually("it is counted", || book.closed("idle_timeout") == 1.0).await;
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_handler_runs_is_not_idle() {
    let app = app_with(|config| {
        config.limits.idle_timeout = Duration::from_secs(20);
        config.heartbeat.interval = Duration::from_secs(10);
    });
    let (stage, gates, mut heard) = stage();
    let (app, connector) = start_in_memory(app.handler(stage), 4096).await;
    let mut client = connect_in_memory(&connector).await;
    client.request(1, "stage.wait", b"long").await;
    heard.expect(["start long"]).await;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(100) {
        let (kind, _) = client.next_packet().await.expect("it stays");
        assert_eq!(kind, PacketType::Heartbeat);
        client.send(PacketType::Heartbeat, b"").await;
    }
    gates.open("long");
    assert_eq!(client.message().await.text(), "long");
    app.shutdown().await;
}

fn reached(book: &Book, cause: &str) -> f64 {
    book.total(&format!("pitaya_limit_reached_total{{cause={cause}}}"))
}

#[tokio::test]
async fn a_route_over_the_limit_is_answered_and_counted_unless_it_is_served_here() {
    let book = Book::default();
    let app = app_with(|config| config.limits.route = 8);
    let app = start(app.handler(stage().0).recorder(book.recorder())).await;
    let mut client = connect(&app).await;
    for (id, route) in [
        (1, "stage.nowhere"),
        (2, "room.stage.nowhere"),
        (3, "no dots but long"),
    ] {
        let answer = client.call(id, route, b"").await;
        assert!(answer.error);
        assert_eq!(
            answer.text(),
            r#"{"code":"PIT-400","msg":"the route is too long"}"#
        );
    }
    client.notify("stage.nowhere", b"").await;
    assert_eq!(
        client.call(4, "stage.echo", b"served").await.text(),
        "served"
    );
    let unknown = client.call(5, "stage.no", b"").await;
    assert!(unknown.text().contains("PIT-404"), "{}", unknown.text());
    assert_eq!(reached(&book, "route"), 4.0);
    app.shutdown().await;
}

/// A request whose compressed body inflates to more than `config` allows.
fn bomb() -> Vec<u8> {
    let mut deflated = Vec::new();
    assert!(Deflater::new().compress(&[b'x'; 5000], &mut deflated));
    let mut body = Vec::new();
    let route = RouteRef::Name(b"stage.echo");
    message::encode_head(MessageKind::Request, 1, route, false, true, &mut body).unwrap();
    body.extend_from_slice(&deflated);
    body
}

#[tokio::test]
async fn sizes_over_their_limit_close_and_are_counted_by_what_they_are() {
    let small = |config: &mut Config| {
        config.limits.packet = 3000;
        config.limits.inflated = 3000;
        config.limits.handshake.packet = 100;
    };
    let cases: [(&str, bool, PacketType, Vec<u8>); 3] = [
        (
            "handshake_packet",
            false,
            PacketType::Handshake,
            vec![b' '; 101],
        ),
        ("packet", true, PacketType::Data, vec![0; 3001]),
        ("inflated", true, PacketType::Data, bomb()),
    ];
    for (cause, shaken, kind, body) in cases {
        let book = Book::default();
        let app = start(app_with(small).handler(stage().0).recorder(book.recorder())).await;
        let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
        if shaken {
            client.shake_hands().await;
        }
        client.send(kind, &body).await;
        client.rest().await;
        eventually(cause, || book.closed("protocol") == 1.0).await;
        assert_eq!(reached(&book, cause), 1.0, "{cause}");
        app.shutdown().await;
    }
}

#[tokio::test]
async fn when_too_much_waits_for_all_together_the_slowest_are_closed_until_the_rest_fits() {
    let book = Book::default();
    let app = app_with(|config| config.limits.queued = 100 << 10);
    let app = app.handler(stage().0).recorder(book.recorder());
    let (app, connector) = start_in_memory(app, 64).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let client = connect_in_memory(&connector).await;
        clients.push((client, newest_session(&app)));
    }
    let kib = Bytes::from(vec![b'k'; 1 << 10]);
    let queue = async |session: &pitaya::Session, count| {
        for _ in 0..count {
            session.push("kib", &kib).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let waiting = || app.handle().report().queues;
    // The first one reads; what it was sent is not counted.
    for _ in 0..30 {
        queue(&clients[0].1, 10).await;
        for _ in 0..10 {
            assert_eq!(clients[0].0.message().await.body.len(), 1 << 10);
        }
    }
    eventually("nothing waits", || waiting().backlog == 0).await;
    queue(&clients[1].1, 30).await;
    queue(&clients[2].1, 50).await;
    let backlog = waiting();
    assert!(
        (75 << 10..90 << 10).contains(&backlog.backlog),
        "{backlog:?}"
    );
    assert_eq!(app.handle().sessions().count(), 4);
    // The straw is another one's, the slowest goes.
    queue(&clients[3].1, 25).await;
    in_time(clients[2].1.closed()).await;
    assert_eq!(clients[2].1.close_reason(), Some(CloseReason::SlowReader));
    eventually("it is counted", || book.closed("slow_reader") == 1.0).await;
    for stays in [0, 1, 3] {
        assert!(!clients[stays].1.is_closed(), "{stays}");
    }
    for _ in 0..30 {
        clients[1].0.message().await;
    }
    drop(clients.pop());
    eventually("nothing waits", || waiting().backlog == 0).await;
    app.shutdown().await;
}

#[tokio::test]
async fn running_handlers_can_be_capped_for_the_whole_app() {
    let (stage, gates, mut heard) = stage();
    let app = start(app_with(|config| config.concurrency.dispatch = 1).handler(stage)).await;
    let (mut first, mut second) = (connect(&app).await, connect(&app).await);
    first.request(1, "stage.wait", b"a").await;
    heard.expect(["start a"]).await;
    second.request(1, "stage.wait", b"b").await;
    second.request(2, "stage.overlap", b"c").await;
    // The second one's connection works meanwhile; only its handler waits.
    newest_session(&app)
        .push("on", &pitaya::Bytes::new())
        .await
        .unwrap();
    assert_eq!(second.message().await.route, "on");
    assert_eq!(heard.so_far(), [""; 0]);
    for name in ["b", "c", "a"] {
        gates.open(name);
    }
    heard
        .expect([
            "end a",
            "dropped a",
            "start b",
            "end b",
            "dropped b",
            "start c",
        ])
        .await;
    assert_eq!(first.message().await.text(), "a");
    assert_eq!(
        [second.message().await.id, second.message().await.id],
        [1, 2]
    );
    app.shutdown().await;
}

#[tokio::test]
async fn concurrent_calls_of_one_client_are_bounded_in_number_and_bytes() {
    let long = "l".repeat(1100);
    let cases: [(usize, usize, &str); 2] = [(1, 1 << 20, "short"), (100, 1024, &long)];
    for (messages, bytes, first) in cases {
        let book = Book::default();
        let (stage, gates, mut heard) = stage();
        let app = app_with(|config| {
            config.limits.concurrent.messages = messages;
            config.limits.concurrent.bytes = bytes;
        });
        let app = start(app.handler(stage).recorder(book.recorder())).await;
        let mut client = connect(&app).await;
        client.request(1, "stage.overlap", first.as_bytes()).await;
        assert_eq!(heard.next().await, format!("start {first}"));
        client.request(2, "stage.overlap", b"second").await;
        eventually("it waits", || reached(&book, "concurrent") == 1.0).await;
        // Another client's calls are no business of this one's.
        connect(&app).await.call(1, "stage.echo", b"").await;
        assert_eq!(heard.so_far(), [""; 0]);
        gates.open(first);
        gates.open("second");
        assert_eq!(client.message().await.text(), first);
        assert_eq!(client.message().await.text(), "second");
        assert_eq!(reached(&book, "concurrent"), 1.0);
        app.shutdown().await;
    }
}

/// An acceptor that fails now and then.
struct Unsteady {
    inner: Memory,
    fails: u32,
}

impl Acceptor for Unsteady {
    type Connect = MemoryConnect;

    async fn bind(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn accept(&mut self) -> io::Result<MemoryConnect> {
        if self.fails > 0 {
            self.fails -= 1;
            return Err(io::Error::other("too many open files"));
        }
        self.inner.accept().await
    }

    fn name(&self) -> &'static str {
        "unsteady"
    }
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_that_fails_is_asked_again() {
    let book = Book::default();
    let (connector, inner) = acceptor::memory(4096);
    let app = app().handler(stage().0).recorder(book.recorder());
    let app = app
        .acceptor(Unsteady { inner, fails: 20 })
        .start()
        .await
        .unwrap();
    let since = Instant::now();
    let mut client = connect_in_memory(&connector).await;
    assert_eq!(client.call(1, "stage.echo", b"in").await.text(), "in");
    assert_eq!(book.refused("accept_failed"), 20.0);
    // It neither spins nor gives up.
    let took = since.elapsed();
    assert!(
        took > Duration::from_secs(1) && took < Duration::from_secs(60),
        "{took:?}"
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_listener_can_be_handed_in_and_tells_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = app()
        .handler(stage().0)
        .acceptor(Tcp::from_listener(listener));
    let app = app.start().await.unwrap();
    assert_eq!(app.local_addr(0), Some(address));
    assert_eq!(app.local_addr(1), None);
    connect(&app).await.call(1, "stage.echo", b"").await;
    app.shutdown().await;
}
