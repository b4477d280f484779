//! Connections of one address: how many there may be, from the moment on at which the address is known.

use pitaya::acceptor::ProxyProtocol;
use pitaya::app::AppBuilder;
use pitaya::{App, Tcp, WebSocket};
use standalone_tests::RawClient;
use standalone_tests::authority::Authority;
use standalone_tests::websocket::WsClient;

use super::support::{Book, app_with, connect, eventually, in_time, stage, start};

/// An app for so many connections of one address.
fn narrow(book: &Book, most: usize) -> AppBuilder {
    let app = app_with(|config| {
        let hour = std::time::Duration::from_secs(3600);
        config.limits.address_connections = most;
        config.limits.handshake.timeout = hour;
        config.limits.tls_timeout = hour;
        config.limits.upgrade_timeout = hour;
    });
    app.handler(stage().0).recorder(book.recorder())
}

/// A connection that comes from this client, if a proxy says so, and says nothing more.
async fn come(app: &App, acceptor: usize, client: Option<&str>) -> RawClient {
    let mut peer = RawClient::open(app.local_addr(acceptor).unwrap()).await;
    if let Some(client) = client {
        let (family, server) = match client.contains(':') {
            true => (6, "2001:db8::1"),
            false => (4, "10.0.0.1"),
        };
        let header = format!("PROXY TCP{family} {client} {server} 40000 3250\r\n");
        peer.write(header.as_bytes()).await;
    }
    peer
}

#[tokio::test]
async fn one_connection_more_than_an_address_may_have_is_closed_at_once() {
    let book = Book::default();
    let app = start(narrow(&book, 2)).await;
    let first = connect(&app).await;
    let mut second = connect(&app).await;
    assert_eq!(come(&app, 0, None).await.rest().await, []);
    assert_eq!(book.refused("address_limit"), 1.0);
    assert_eq!(second.call(1, "stage.echo", b"alive").await.text(), "alive");
    drop(first);
    eventually("there is room", || app.handle().sessions().count() == 1).await;
    connect(&app).await.call(1, "stage.echo", b"in").await;
    assert_eq!(book.refused("address_limit"), 1.0);
    app.shutdown().await;
}

#[tokio::test]
async fn behind_a_proxy_the_clients_own_address_counts_and_its_ipv6_network() {
    let book = Book::default();
    let proxied = Tcp::bind("127.0.0.1:0").proxy_protocol(ProxyProtocol::Required);
    let app = narrow(&book, 1).acceptor(proxied).start().await.unwrap();
    let mut served = Vec::new();
    for client in [
        "192.0.2.7",
        "192.0.2.8",
        "2001:db8:0:1::1",
        "2001:db8:0:2::1",
    ] {
        let mut peer = come(&app, 0, Some(client)).await;
        peer.shake_hands().await;
        peer.call(1, "stage.echo", b"in").await;
        served.push(peer);
    }
    for client in ["192.0.2.8", "2001:db8:0:1:ffff::2"] {
        let mut peer = come(&app, 0, Some(client)).await;
        assert_eq!(peer.rest().await, [], "{client}");
    }
    assert_eq!(book.refused("address_limit"), 2.0);
    assert_eq!(app.handle().sessions().count(), 4);
    app.shutdown().await;
}

/// At each kind of door: who does not go on with TLS or the upgrade holds one of the address's places,
/// and gives it back.
#[tokio::test]
async fn connections_that_are_still_established_count_for_their_address() {
    let (book, authority) = (Book::default(), Authority::new());
    let proxied = || Tcp::bind("127.0.0.1:0").proxy_protocol(ProxyProtocol::Required);
    let ws = || WebSocket::bind("127.0.0.1:0");
    let app = narrow(&book, 2)
        .acceptor(Tcp::bind("127.0.0.1:0").tls(authority.server()))
        .acceptor(ws().tls(authority.server()))
        .acceptor(proxied().tls(authority.server()))
        .acceptor(ws().proxy_protocol(ProxyProtocol::Required));
    let app = app.start().await.unwrap();
    let clients = [None, None, Some("192.0.2.7"), Some("192.0.2.7")];
    let mut refused = 0.0;
    for (acceptor, client) in clients.into_iter().enumerate() {
        let mut stalled = Vec::new();
        for _ in 0..2 {
            stalled.push(come(&app, acceptor, client).await);
        }
        // Which of three that come together is the one too many is open, where a header is read first.
        stalled.push(come(&app, acceptor, client).await);
        refused += 1.0;
        eventually("one is refused", || {
            book.refused("address_limit") == refused
        })
        .await;
        if client.is_some() {
            // Others are let in meanwhile, and are refused for nothing else.
            stalled.push(come(&app, acceptor, Some("192.0.2.8")).await);
            eventually("another one comes", || {
                app.report().connections.establishing == 3
            })
            .await;
        }
        let sessions = app.handle().sessions().count();
        assert_eq!(sessions, 0, "nobody has got further");
        drop(stalled);
        eventually("all have left", || {
            app.report().connections.establishing == 0
        })
        .await;
    }
    // Each place was given back: as many as before are let in.
    for _ in 0..3 {
        let address = app.local_addr(0).unwrap();
        let (first, second) = tokio::join!(authority.connect(address), authority.connect(address));
        for stream in [first, second] {
            let mut client = RawClient::over(stream);
            client.shake_hands().await;
            assert_eq!(client.call(1, "stage.echo", b"in").await.text(), "in");
        }
        eventually("they have left", || app.handle().sessions().count() == 0).await;
    }
    assert_eq!(book.refused("address_limit"), refused);
    app.shutdown().await;
}

/// A proxy that says who its clients are with their requests has no places of its own: each client has.
#[tokio::test]
async fn behind_an_http_proxy_clients_count_when_their_request_is_read() {
    let book = Book::default();
    let ws = WebSocket::bind("127.0.0.1:0").forwarded_for(["127.0.0.0/8"]);
    let app = narrow(&book, 1).acceptor(ws).start().await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(come(&app, 0, None).await);
    }
    eventually("they wait", || app.report().connections.establishing == 3).await;
    let ask = async |client: &str| {
        let socket = come(&app, 0, None).await.socket;
        WsClient::with_headers(socket, &format!("X-Forwarded-For: {client}\r\n")).await
    };
    let mut first = ask("192.0.2.7").await;
    let mut other = ask("192.0.2.8").await;
    for client in [&mut first, &mut other] {
        client.shake_hands().await;
    }
    let mut again = ask("192.0.2.7").await;
    assert!(in_time(again.frame()).await.is_none());
    assert_eq!(book.refused("address_limit"), 1.0);
    app.shutdown().await;
}
