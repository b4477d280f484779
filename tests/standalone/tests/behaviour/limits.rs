//! Limits on connections and on what runs at the same time, each with its own cause.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pitaya::acceptor::{self, Acceptor, Memory, MemoryConnect};
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use pitaya::{App, Tcp, WebSocket};
use standalone_tests::websocket::WsClient;
use standalone_tests::{DEADLINE, RawClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::support::{
    Book, app, app_with, connect, connect_in_memory, eventually, in_time, newest_session, stage,
    start, start_in_memory,
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

#[tokio::test]
async fn a_stalled_upgrade_ends_at_its_deadline() {
    let book = Book::default();
    let app = app_with(|config| config.limits.establish_timeout = Duration::from_millis(200));
    let app = app.handler(stage().0).recorder(book.recorder());
    let app = app
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let mut stalled = TcpStream::connect(app.local_addr(0).unwrap())
        .await
        .unwrap();
    stalled
        .write_all(b"GET / HTTP/1.1\r\nHost: x")
        .await
        .unwrap();
    assert_eq!(in_time(stalled.read(&mut [0; 16])).await.unwrap_or(0), 0);
    assert_eq!(book.refused("establish_timeout"), 1.0);
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
        timeout(10 * DEADLINE, session.closed())
            .await
            .expect("it ends by itself");
        assert_eq!(session.close_reason(), Some(CloseReason::HandshakeTimeout));
        let took = since.elapsed();
        assert!(
            took >= limit && took < limit + Duration::from_millis(100),
            "{took:?}"
        );
        assert_eq!(client.rest().await, []);
        eventually("it is counted", || book.closed("handshake_timeout") == 1.0).await;
        app.shutdown().await;
    }
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
