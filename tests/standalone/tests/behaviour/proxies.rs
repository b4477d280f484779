//! Load balancers in front of the acceptors: whom a session is told to come from, and who is not
//! believed.

use std::net::SocketAddr;
use std::time::Duration;

use pitaya::acceptor::ProxyProtocol;
use pitaya::app::StartError;
use pitaya::protocol::packet::PacketType;
use pitaya::{App, Bytes, Config, Context, Result, Tcp, WebSocket, handler};
use standalone_tests::RawClient;
use standalone_tests::websocket::WsClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{Book, app_with, connect, eventually, in_time};

const LINE: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n";
const LINE_V6: &str = "PROXY TCP6 2001:db8::7 2001:db8::1 40000 3250\r\n";
/// An IPv4 client of a balancer that listens on both families.
const LINE_MAPPED: &str = "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 40000 3250\r\n";

/// Version 2, 192.0.2.7:40000, with an extension.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\
    \xc0\0\x02\x07\x0a\0\0\x01\x9c\x40\x0c\xb2\x04\0\x02hi";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

struct Mirror;

#[handler]
impl Mirror {
    /// Where the caller comes from.
    async fn me(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let session = ctx.session();
        let version: Option<String> = session.get("ipversion")?;
        let address = session.remote_addr().map(|address| address.to_string());
        Ok(Bytes::from(format!(
            "{} {}",
            address.unwrap_or_default(),
            version.unwrap_or_default()
        )))
    }
}

/// TCP and WebSocket, both behind a proxy of this kind.
async fn start(book: &Book, proxy: ProxyProtocol) -> App {
    start_with(book, Some(proxy), |_| {}).await
}

async fn start_with(
    book: &Book,
    proxy: Option<ProxyProtocol>,
    change: impl FnOnce(&mut Config),
) -> App {
    let (mut tcp, mut websocket) = (Tcp::bind("127.0.0.1:0"), WebSocket::bind("127.0.0.1:0"));
    if let Some(proxy) = proxy {
        tcp = tcp.proxy_protocol(proxy.clone());
        websocket = websocket.proxy_protocol(proxy);
    }
    let app = app_with(change).handler(Mirror).recorder(book.recorder());
    let app = app.acceptor(tcp).acceptor(websocket);
    app.start().await.expect("the app starts")
}

/// Connects and sends `header` in the way of a slow proxy or a quick one.
async fn proxied(address: SocketAddr, header: &[u8], pieces: usize) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    for piece in header.chunks(header.len().div_ceil(pieces)) {
        socket.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    socket
}

async fn me(client: &mut RawClient) -> String {
    client.call(1, "mirror.me", b"").await.text().to_owned()
}

#[tokio::test]
async fn a_session_comes_from_where_its_header_says() {
    let book = Book::default();
    let app = start(&book, ProxyProtocol::Required).await;
    for (header, expected) in [
        (LINE.as_bytes(), "192.0.2.7:40000 ipv4"),
        (LINE_V6.as_bytes(), "[2001:db8::7]:40000 ipv6"),
        (LINE_MAPPED.as_bytes(), "192.0.2.7:40000 ipv4"),
        (BINARY, "192.0.2.7:40000 ipv4"),
    ] {
        for pieces in [1, 3, header.len()] {
            let socket = proxied(app.local_addr(0).unwrap(), header, pieces).await;
            let mut client = RawClient::over(socket);
            client.shake_hands().await;
            assert_eq!(me(&mut client).await, expected);
        }
        // The same before an upgrade.
        let socket = proxied(app.local_addr(1).unwrap(), header, 2).await;
        let mut client = WsClient::over(socket).await;
        client.shake_hands().await;
        let request = standalone_tests::request(1, "mirror.me", b"");
        client
            .send(standalone_tests::websocket::BINARY, &request)
            .await;
        let answer = client.frame().await.unwrap().payload;
        assert!(answer.ends_with(expected.as_bytes()), "{answer:?}");
    }
    app.shutdown().await;
}

/// Header, handshake, ack and a request in one segment: nothing behind the header is lost.
#[tokio::test]
async fn packets_right_behind_the_header_are_served() {
    let book = Book::default();
    let app = start(&book, ProxyProtocol::Required).await;
    for header in [LINE.as_bytes(), BINARY] {
        let mut bytes = header.to_vec();
        bytes.extend(standalone_tests::packet_of(PacketType::Handshake, b"{}"));
        bytes.extend(standalone_tests::packet_of(PacketType::HandshakeAck, b""));
        bytes.extend(standalone_tests::request(1, "mirror.me", b""));
        let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
        client.write(&bytes).await;
        assert_eq!(client.packet().await.unwrap().0, PacketType::Handshake);
        assert_eq!(client.message().await.text(), "192.0.2.7:40000 ipv4");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn lies_are_closed_and_counted_and_nobody_else_notices() {
    let book = Book::default();
    let app = start(&book, ProxyProtocol::Required).await;
    let good = proxied(app.local_addr(0).unwrap(), LINE.as_bytes(), 1).await;
    let mut good = RawClient::over(good);
    good.shake_hands().await;
    let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 500]].concat();
    let lies: &[&[u8]] = &[
        b"\x01\0\0\x02{}",
        b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 99999\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\x01x",
        &long,
    ];
    for (n, lie) in lies.iter().enumerate() {
        for acceptor in [0, 1] {
            let mut socket = proxied(app.local_addr(acceptor).unwrap(), lie, 1).await;
            let mut answer = Vec::new();
            let _ = in_time(socket.read_to_end(&mut answer)).await;
            assert_eq!(answer, b"", "{lie:02x?}");
        }
        let expected = 2.0 * (n + 1) as f64;
        eventually("it is counted", || book.refused("proxy_header") == expected).await;
    }
    // A header that ends with its connection is one, too.
    let socket = proxied(app.local_addr(0).unwrap(), b"PROXY TCP4 192.", 1).await;
    drop(socket);
    let expected = 2.0 * lies.len() as f64 + 1.0;
    eventually("it is counted", || book.refused("proxy_header") == expected).await;
    assert_eq!(me(&mut good).await, "192.0.2.7:40000 ipv4");
    assert_eq!(app.handle().sessions().count(), 1);
    app.shutdown().await;
}

/// What balancers send to see whether anybody is there: a quiet end tells them yes.
#[tokio::test]
async fn a_health_check_is_closed_quietly() {
    let book = Book::default();
    let app = start(&book, ProxyProtocol::Required).await;
    for (n, header) in [b"PROXY UNKNOWN\r\n", LOCAL].into_iter().enumerate() {
        let mut socket = proxied(app.local_addr(0).unwrap(), header, 1).await;
        // An end, and no reset.
        assert_eq!(in_time(socket.read(&mut [0; 1])).await.unwrap(), 0);
        let expected = (n + 1) as f64;
        eventually("it is counted", || {
            book.refused("proxy_no_source") == expected
        })
        .await;
    }
    app.shutdown().await;
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_at_the_deadline_and_holds_up_nobody() {
    let book = Book::default();
    let limit = Duration::from_millis(500);
    let required = Some(ProxyProtocol::Required);
    let app = start_with(&book, required, |config| {
        config.limits.proxy_timeout = limit
    })
    .await;
    let address = app.local_addr(0).unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = proxied(address, b"PROXY TCP4 192.0", 1).await;
    let quick = proxied(address, LINE.as_bytes(), 1).await;
    let mut quick = RawClient::over(quick);
    quick.shake_hands().await;
    assert_eq!(me(&mut quick).await, "192.0.2.7:40000 ipv4");
    for socket in [&mut silent, &mut slow] {
        assert_eq!(in_time(socket.read(&mut [0; 1])).await.unwrap_or(0), 0);
    }
    eventually("both are counted", || book.refused("proxy_timeout") == 2.0).await;
    app.shutdown().await;
}

#[tokio::test]
async fn only_listed_networks_speak_for_others() {
    let book = Book::default();
    // Nobody here is in that network: clients connect directly.
    let app = start(&book, ProxyProtocol::from_networks(["192.0.2.0/24"])).await;
    let mut client = connect(&app).await;
    assert!(me(&mut client).await.starts_with("127.0.0.1:"));
    let socket = proxied(app.local_addr(0).unwrap(), LINE.as_bytes(), 1).await;
    assert_eq!(RawClient::over(socket).rest().await, []);
    eventually("a lie is counted", || book.closed("protocol") == 1.0).await;
    app.shutdown().await;

    let app = start(
        &book,
        ProxyProtocol::from_networks(["192.0.2.0/24", "127.0.0.0/8"]),
    )
    .await;
    let socket = proxied(app.local_addr(0).unwrap(), LINE.as_bytes(), 1).await;
    let mut client = RawClient::over(socket);
    client.shake_hands().await;
    assert_eq!(me(&mut client).await, "192.0.2.7:40000 ipv4");
    let mut bare = RawClient::open(app.local_addr(0).unwrap()).await;
    bare.send(PacketType::Handshake, b"{}").await;
    assert_eq!(bare.rest().await, []);
    eventually("it is counted", || book.refused("proxy_header") == 1.0).await;
    app.shutdown().await;
}

#[tokio::test]
async fn the_setting_requires_a_header_of_all_acceptors_but_those_told_otherwise() {
    let book = Book::default();
    let app = start_with(&book, None, |config| config.acceptor.proxy_protocol = true).await;
    for acceptor in [0, 1] {
        let mut bare = TcpStream::connect(app.local_addr(acceptor).unwrap())
            .await
            .unwrap();
        bare.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = in_time(bare.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"");
    }
    eventually("both are counted", || book.refused("proxy_header") == 2.0).await;
    app.shutdown().await;

    let off = Some(ProxyProtocol::Off);
    let app = start_with(&book, off, |config| config.acceptor.proxy_protocol = true).await;
    assert!(me(&mut connect(&app).await).await.starts_with("127.0.0.1:"));
    app.shutdown().await;
}

/// Upgrades with these headers: what the session is told, or the refusal's first line.
async fn forwarded(app: &App, headers: &str) -> String {
    let mut socket = TcpStream::connect(app.local_addr(0).unwrap())
        .await
        .unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(in_time(socket.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if !head.starts_with("HTTP/1.1 101") {
        return head.lines().next().unwrap_or_default().to_owned();
    }
    let mut client = WsClient { socket };
    client.shake_hands().await;
    let request = standalone_tests::request(1, "mirror.me", b"");
    client
        .send(standalone_tests::websocket::BINARY, &request)
        .await;
    let answer = client.frame().await.unwrap().payload;
    String::from_utf8_lossy(&answer[6..]).into_owned()
}

#[tokio::test]
async fn an_http_proxy_is_believed_when_it_is_listed() {
    let book = Book::default();
    let start = async |acceptor: WebSocket| {
        let app = app_with(|_| {}).handler(Mirror).recorder(book.recorder());
        app.acceptor(acceptor)
            .start()
            .await
            .expect("the app starts")
    };
    let bind = || WebSocket::bind("127.0.0.1:0");
    let app = start(bind().forwarded_for(["127.0.0.0/8", "10.0.0.0/8"])).await;
    for (headers, expected) in [
        ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7:0 ipv4"),
        (
            "x-forwarded-for: 1.2.3.4, 2001:db8::7, 10.0.0.3\r\n",
            "[2001:db8::7]:0 ipv6",
        ),
        (
            "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 192.0.2.7\r\n",
            "192.0.2.7:0 ipv4",
        ),
        ("X-Forwarded-For: somebody\r\n", "HTTP/1.1 400 Bad Request"),
    ] {
        assert_eq!(forwarded(&app, headers).await, expected, "{headers}");
    }
    eventually("the lie is counted", || {
        book.refused("upgrade_refused") == 1.0
    })
    .await;
    assert!(forwarded(&app, "").await.starts_with("127.0.0.1:"));
    app.shutdown().await;

    // Nobody is believed unless it is said.
    for acceptor in [bind(), bind().forwarded_for(["192.0.2.0/24"])] {
        let app = start(acceptor).await;
        let told = forwarded(&app, "X-Forwarded-For: 192.0.2.7\r\n").await;
        assert!(told.starts_with("127.0.0.1:"), "{told}");
        app.shutdown().await;
    }
}

#[tokio::test]
async fn a_text_that_is_no_network_keeps_the_app_from_starting() {
    let bad = || ["10.0.0.0/8", "10.0.0.0/33"];
    let proxy = ProxyProtocol::from_networks(bad());
    for app in [
        app_with(|_| {}).acceptor(Tcp::bind("127.0.0.1:0").proxy_protocol(proxy)),
        app_with(|_| {}).acceptor(WebSocket::bind("127.0.0.1:0").forwarded_for(bad())),
    ] {
        let error = app
            .handler(Mirror)
            .start()
            .await
            .err()
            .expect("it does not start");
        assert!(matches!(error, StartError::Listen { .. }), "{error}");
        assert!(
            error.to_string().contains("`10.0.0.0/33` is no network"),
            "{error}"
        );
    }
}
