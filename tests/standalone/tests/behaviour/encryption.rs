//! TLS in front of real apps: whom it lets in, whom it does not, and what that is counted under.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use pitaya::acceptor::ProxyProtocol;
use pitaya::app::{AppBuilder, StartError};
use pitaya::client::{Client, Error};
use pitaya::protocol::packet::PacketType;
use pitaya::tls::{ClientTls, Pem, ServerTls};
use pitaya::{App, Bytes, Config, Tcp, WebSocket};
use standalone_tests::authority::{Authority, Pair, new_key};
use standalone_tests::{RawClient, packet_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::support::{Book, app_with, connect, eventually, in_time, newest_session, stage};

/// TLS on TCP first, then on WebSocket.
fn encrypted(book: &Book, tls: &ServerTls, change: impl FnOnce(&mut Config)) -> AppBuilder {
    served(book, change)
        .acceptor(Tcp::bind("127.0.0.1:0").tls(tls.clone()))
        .acceptor(WebSocket::bind("127.0.0.1:0").tls(tls.clone()))
}

/// An app that is counted, without acceptors.
fn served(book: &Book, change: impl FnOnce(&mut Config)) -> AppBuilder {
    let app = app_with(change).handler(stage().0);
    app.recorder(book.recorder())
}

async fn start(book: &Book, tls: &ServerTls) -> App {
    let app = encrypted(book, tls, |_| {}).start().await;
    app.expect("the app starts")
}

/// Where a client finds the app: by TLS, then by wss.
fn targets(app: &App) -> [String; 2] {
    let port = |acceptor| app.local_addr(acceptor).unwrap().port();
    [
        format!("tls://127.0.0.1:{}", port(0)),
        format!("wss://127.0.0.1:{}/game", port(1)),
    ]
}

/// A connection in clear.
async fn socket(app: &App, acceptor: usize) -> TcpStream {
    let address = app.local_addr(acceptor).unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// A client over TLS that has shaken hands.
async fn player(authority: &Authority, app: &App) -> RawClient<TlsStream<TcpStream>> {
    let stream = authority.connect(app.local_addr(0).unwrap()).await;
    let mut client = RawClient::over(stream);
    client.shake_hands().await;
    client
}

async fn plays(client: &mut RawClient<TlsStream<TcpStream>>) {
    assert_eq!(client.call(1, "stage.echo", b"fine").await.text(), "fine");
}

async fn try_connect(target: &str, tls: ClientTls) -> Result<Client, Error> {
    in_time(Client::builder().tls(tls).connect(target)).await
}

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
        config.limits.establish_timeout = limit;
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
    eventually("both are counted", || {
        book.refused("establish_timeout") == 2.0
    })
    .await;
    eventually("so is the cut one", || book.refused("tls_failed") == 1.0).await;
    app.shutdown().await;
}

/// A certificate and its key in files.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, pair: &Pair) -> Self {
        let folder = std::env::temp_dir().join(format!("pitaya-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.write(pair);
        files
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.0.join("game.pem"), &pair.certificate).unwrap();
        std::fs::write(self.0.join("game.key"), &pair.key).unwrap();
    }

    fn tls(&self, check: Duration) -> ServerTls {
        let tls = ServerTls::files(self.0.join("game.pem"), self.0.join("game.key"));
        tls.check_files_every(check)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Looked at when anybody connects, and in practice never.
const ALWAYS: Duration = Duration::ZERO;
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_new_certificate_holds_for_new_connections() {
    let (before, after) = (Authority::new(), Authority::new());
    let book = Book::default();
    for by_call in [true, false] {
        let files = Files::new("reload", &before.sign("localhost"));
        let tls = files.tls(if by_call { NEVER } else { ALWAYS });
        let app = start(&book, &tls).await;
        let mut early = player(&before, &app).await;
        files.write(&after.sign("localhost"));
        if by_call {
            drop(player(&before, &app).await);
            tls.reload().unwrap();
        }
        let mut late = player(&after, &app).await;
        let shaken = before.handshake(socket(&app, 0).await).await;
        shaken.expect_err("the old one is gone");
        // Who was there stays.
        for client in [&mut early, &mut late] {
            plays(client).await;
        }
        app.shutdown().await;
    }
}

/// Clients may know a server by its key (libpitaya pins it): a certificate can be renewed with it.
#[tokio::test]
async fn a_certificate_can_be_renewed_without_another_key() {
    let (authority, book, key) = (Authority::new(), Book::default(), new_key());
    let files = Files::new("renewal", &authority.renew("localhost", &key));
    let tls = files.tls(NEVER);
    let app = start(&book, &tls).await;
    let shown = async || {
        let client = authority.connect(app.local_addr(0).unwrap()).await;
        let shown = client.get_ref().1.peer_certificates().unwrap();
        shown[0].to_vec()
    };
    let first = shown().await;
    files.write(&authority.renew("localhost", &key));
    tls.reload().unwrap();
    let second = shown().await;
    assert_ne!(first, second);
    let pin = key.public_key_raw();
    for certificate in [first, second] {
        let has_pin = certificate.windows(pin.len()).any(|part| part == pin);
        assert!(has_pin, "{certificate:02x?}");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn certificates_of_clients_can_be_required_or_allowed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = |of: &Authority| {
        let Pair { certificate, key } = of.sign("player");
        let (certificate, key) = (Pem::value(certificate), Pem::value(key));
        authority.client().identity(certificate, key)
    };
    for required in [true, false] {
        let book = Book::default();
        let tls = match required {
            true => authority
                .server()
                .require_client_certificates(authority.pem()),
            false => authority
                .server()
                .allow_client_certificates(authority.pem()),
        };
        let app = start(&book, &tls).await;
        let mut refused = 0.0;
        for target in targets(&app) {
            for (tls, welcome) in [
                (identity(&authority), true),
                (identity(&stranger), false),
                (authority.client(), !required),
            ] {
                let connected = try_connect(&target, tls).await;
                assert_eq!(connected.is_ok(), welcome, "{connected:?}");
                refused += f64::from(u8::from(!welcome));
            }
        }
        eventually("each is counted", || {
            book.refused("tls_client_certificate") == refused
        })
        .await;
        app.shutdown().await;
    }
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

#[tokio::test]
async fn a_pair_that_cannot_be_used_keeps_the_app_from_starting() {
    let (authority, book) = (Authority::new(), Book::default());
    let mut pair = authority.sign("localhost");
    pair.key = authority.sign("localhost").key;
    let tls = pair.server();
    let started = encrypted(&book, &tls, |_| {}).start().await;
    let error = started.err().expect("it does not start");
    assert!(
        matches!(
            error,
            StartError::Listen {
                acceptor: "tls",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("does not belong to"), "{error}");
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
