//! TLS in front of real apps: whom it lets in, whom it does not, and what that is counted under.

use std::process::Stdio;
use std::time::Duration;

use pitaya::acceptor::ProxyProtocol;
use pitaya::client::Error;
use pitaya::protocol::packet::PacketType;
use pitaya::tls::{ClientTls, Pem};
use pitaya::{Bytes, Tcp, WebSocket};
use standalone_tests::authority::Authority;
use standalone_tests::{RawClient, packet_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::encrypted::{
    encrypted, player, plays, served, socket, start, targets, try_connect,
};
use super::support::{Book, connect, eventually, in_time, newest_session};

#[tokio::test]
async fn the_client_library_plays_encrypted() {
    let (authority, book) = (Authority::new(), Book::default());
    let app = start(&book, &authority.server()).await;
    // More than any buffer on the way holds.
    let large = Bytes::from(vec![b'x'; 900 * 1024]);
    for target in targets(&app) {
        let client = try_connect(&target, authority.client()).await.unwrap();
        for body in [Bytes::from_static(b"hi"), large.clone()] {
            let answer = in_time(client.request_raw("stage.echo", &body))
                .await
                .unwrap();
            assert_eq!(answer, body);
        }
        for _ in 0..4 {
            newest_session(&app).push("on", &large).await.unwrap();
        }
        for _ in 0..4 {
            assert_eq!(in_time(client.next_push("on")).await.unwrap().body, large);
        }
        newest_session(&app).kick().await.unwrap();
        let end = in_time(client.closed()).await;
        assert_eq!(end, pitaya::client::DisconnectReason::Kicked);
    }
    app.shutdown().await;
}

#[tokio::test]
async fn a_client_believes_whom_it_was_told_to_believe() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let book = Book::default();
    let app = start(&book, &authority.server()).await;
    for target in targets(&app) {
        for (tls, believed) in [
            (authority.client(), true),
            (authority.client().server_name("localhost"), true),
            (ClientTls::system().danger_accept_any_certificate(), true),
            (authority.client().server_name("elsewhere.example"), false),
            (stranger.client(), false),
            (authority.client().roots(Pem::value("")), false),
        ] {
            let connected = try_connect(&target, tls.clone()).await;
            assert_eq!(connected.is_ok(), believed, "{tls:?}: {connected:?}");
            if let Err(error) = connected {
                assert!(matches!(error, Error::Connect(_)), "{error:?}");
            }
        }
    }
    // Twice for each transport the client broke off; the empty list never left it.
    eventually("it is counted", || book.refused("tls_failed") == 4.0).await;
    app.shutdown().await;
}

/// What is no TLS, on a port for TLS.
#[tokio::test]
async fn plain_bytes_on_an_encrypted_port_end_cleanly_and_are_counted() {
    let (authority, book) = (Authority::new(), Book::default());
    let app = start(&book, &authority.server()).await;
    let mut good = player(&authority, &app).await;
    let mut refused = 0.0;
    for bytes in [
        packet_of(PacketType::Handshake, br#"{"sys":{},"user":{}}"#),
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n".to_vec(),
        vec![0; 100],
        vec![0xff; 100],
    ] {
        for acceptor in [0, 1] {
            let mut socket = socket(&app, acceptor).await;
            socket.write_all(&bytes).await.unwrap();
            // An alert, and an end that is no reset.
            let mut answer = Vec::new();
            in_time(socket.read_to_end(&mut answer)).await.unwrap();
            assert_eq!(answer.first(), Some(&0x15), "{bytes:02x?}: {answer:02x?}");
            refused += 1.0;
        }
    }
    eventually("each is counted", || book.refused("not_tls") == refused).await;
    plays(&mut good).await;
    app.shutdown().await;
}

/// What Go's interactive client does: it tries the encrypted transports first.
#[tokio::test]
async fn encrypted_bytes_on_a_plain_port_end_cleanly_and_are_counted() {
    let (authority, book) = (Authority::new(), Book::default());
    let app = served(&book, |_| {})
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .acceptor(WebSocket::bind("127.0.0.1:0"));
    let app = app.start().await.unwrap();
    for acceptor in [0, 1] {
        let shaken = authority.handshake(socket(&app, acceptor).await).await;
        shaken.expect_err("nobody speaks TLS here");
    }
    eventually("TCP counts it", || book.closed("protocol") == 1.0).await;
    eventually("WebSocket counts it", || book.refused("not_http") == 1.0).await;
    let mut good = connect(&app).await;
    assert_eq!(good.call(1, "stage.echo", b"fine").await.text(), "fine");
    app.shutdown().await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_at_the_deadline_and_holds_up_nobody() {
    let (authority, book) = (Authority::new(), Book::default());
    let limit = Duration::from_millis(700);
    let app = encrypted(&book, &authority.server(), |config| {
        config.limits.tls_timeout = limit;
    });
    let app = app.start().await.unwrap();
    let mut silent = socket(&app, 0).await;
    // The beginning of a hello, whose rest does not come.
    let (mut slow, mut cut) = (socket(&app, 0).await, socket(&app, 0).await);
    for socket in [&mut slow, &mut cut] {
        let hello = b"\x16\x03\x01\x02\x00\x01\x00";
        socket.write_all(hello).await.unwrap();
    }
    cut.shutdown().await.unwrap();
    plays(&mut player(&authority, &app).await).await;
    for socket in [&mut silent, &mut slow, &mut cut] {
        let mut answer = Vec::new();
        let _ = in_time(socket.read_to_end(&mut answer)).await;
    }
    eventually("both are counted", || book.refused("tls_timeout") == 2.0).await;
    eventually("so is the cut one", || book.refused("tls_failed") == 1.0).await;
    app.shutdown().await;
}

/// The header is in clear, the handshake comes behind it.
#[tokio::test]
async fn a_proxy_header_comes_before_the_handshake() {
    let (authority, book) = (Authority::new(), Book::default());
    let tls = authority.server();
    let required = || ProxyProtocol::Required;
    let tcp = Tcp::bind("127.0.0.1:0").proxy_protocol(required());
    let ws = WebSocket::bind("127.0.0.1:0").proxy_protocol(required());
    let app = served(&book, |_| {})
        .acceptor(tcp.tls(tls.clone()))
        .acceptor(ws.tls(tls));
    let app = app.start().await.unwrap();
    let mut proxied = socket(&app, 0).await;
    let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n";
    proxied.write_all(header).await.unwrap();
    let mut client = RawClient::over(authority.handshake(proxied).await.unwrap());
    client.shake_hands().await;
    plays(&mut client).await;
    let address = newest_session(&app).remote_addr().unwrap();
    assert_eq!(address.to_string(), "192.0.2.7:40000");
    for acceptor in [0, 1] {
        let shaken = authority.handshake(socket(&app, acceptor).await).await;
        shaken.expect_err("the header is missing");
    }
    eventually("it is counted", || book.refused("proxy_header") == 2.0).await;
    app.shutdown().await;
}

/// The end is told within TLS: a client can tell it from a connection that was cut.
#[tokio::test]
async fn the_end_of_a_session_is_told_within_tls() {
    let (authority, book) = (Authority::new(), Book::default());
    let app = start(&book, &authority.server()).await;
    let mut client = player(&authority, &app).await;
    client.request(1, "stage.kick", b"").await;
    let rest = client.rest().await;
    assert_eq!(rest.last(), Some(&(PacketType::Kick, vec![])));
    // Without the notice this would be an unexpected end.
    assert_eq!(in_time(client.socket.read(&mut [0; 1])).await.unwrap(), 0);
    app.shutdown().await;
}

/// OpenSSL, as libpitaya uses it: it names an IP address as the server it wants.
#[tokio::test]
async fn openssl_plays_encrypted() {
    let (authority, book) = (Authority::new(), Book::default());
    let app = start(&book, &authority.server()).await;
    let address = app.local_addr(0).unwrap().to_string();
    for flags in [
        &["-tls1_2"][..],
        &["-tls1_3"],
        &["-servername", "127.0.0.1"],
        &["-servername", "no.such.name"],
        &["-noservername"],
        // Whoever would rather speak something else is served as well.
        &["-alpn", "h2,http/1.1"],
    ] {
        let mut child = tokio::process::Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &address])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("openssl is installed, see tests/run");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut client = RawClient::over(tokio::io::join(stdout, stdin));
        client.shake_hands().await;
        client.request(1, "stage.echo", b"hi").await;
        client.socket.flush().await.unwrap();
        assert_eq!(client.message().await.text(), "hi", "{flags:?}");
    }
    app.shutdown().await;
}
