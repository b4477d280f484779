//! What the C client (libpitaya, and Unity through it) sends and must get, byte by byte: the client
//! protocol, 9.2 and 10. Each conversation is data, carried by each transport that the client has: TCP,
//! and TLS in both versions.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use pitaya::app::AppBuilder;
use pitaya::app::config::{Config, SerializerKind};
use pitaya::protocol::packet::{self, PacketType};
use pitaya::{App, Tcp};
use standalone_tests::DEADLINE;
use standalone_tests::authority::{Authority, localhost};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::app::{builder, only_session};

/// Its handshake when nothing is configured; with the dash that its version ends with.
const HELLO: &[u8] = br#"{"sys":{"platform":"desktop","libVersion":"4.6.2-","clientBuildNumber":"1","clientVersion":"0.1"}}"#;

/// What it must get for that.
const WELCOME: &[u8] = br#"{"code":200,"sys":{"dict":{},"heartbeat":30,"serializer":"json"}}"#;

const REFUSED: &[u8] = br#"{"code":400,"sys":{"dict":{},"heartbeat":30,"serializer":"json"}}"#;

/// One step of a conversation.
enum Step {
    /// In one segment.
    Send(Vec<u8>),
    /// Exactly these bytes come next.
    Get(Vec<u8>),
    /// The server closes, and has sent nothing more.
    End,
}

use Step::{End, Get, Send};

fn packet(kind: PacketType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    packet::encode(kind, body, &mut out).expect("the body is small");
    out
}

fn data(message: &[&[u8]]) -> Vec<u8> {
    packet(PacketType::Data, &message.concat())
}

fn hello(body: &[u8]) -> Step {
    Send(packet(PacketType::Handshake, body))
}

fn welcome() -> Step {
    Get(packet(PacketType::Handshake, WELCOME))
}

fn ack() -> Vec<u8> {
    packet(PacketType::HandshakeAck, b"")
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Holds one conversation to its end.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(name: &str, socket: &mut S, steps: Vec<Step>) {
    for (n, step) in steps.into_iter().enumerate() {
        let step = async {
            match step {
                Send(bytes) => {
                    socket.write_all(&bytes).await.expect("the server reads");
                    socket.flush().await.expect("the server reads");
                }
                Get(expected) => {
                    let mut got = vec![0; expected.len()];
                    let read = socket.read_exact(&mut got).await;
                    assert!(
                        read.is_ok() && got == expected,
                        "{name}, step {n}: {}",
                        got.escape_ascii()
                    );
                }
                End => {
                    let mut rest = Vec::new();
                    // A reset would lose what was sent before it.
                    socket.read_to_end(&mut rest).await.expect("an orderly end");
                    assert_eq!(rest, b"", "{name}, step {n}");
                }
            }
        };
        let done = timeout(DEADLINE, step).await;
        done.unwrap_or_else(|_| panic!("{name}, step {n}: nothing comes"));
    }
}

/// A connection of the client.
trait Line: AsyncRead + AsyncWrite + Unpin {
    /// What carries it.
    fn socket(&self) -> &TcpStream;
}

impl Line for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Line for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    Tcp,
    Tls(&'static SupportedProtocolVersion),
}

const TRANSPORTS: [Transport; 3] = [
    Transport::Tcp,
    Transport::Tls(&TLS12),
    Transport::Tls(&TLS13),
];

/// An app with a port for each transport: TCP, then TLS.
struct Server {
    app: App,
    authority: Authority,
}

impl Server {
    async fn start(builder: AppBuilder) -> Self {
        let authority = Authority::new();
        let builder = builder
            .acceptor(Tcp::bind("127.0.0.1:0"))
            .acceptor(Tcp::bind("127.0.0.1:0").tls(authority.server()));
        let app = builder.start().await.expect("the app starts");
        Self { app, authority }
    }

    fn address(&self, acceptor: usize) -> std::net::SocketAddr {
        self.app.local_addr(acceptor).expect("it has an address")
    }

    async fn open(&self, transport: Transport) -> Box<dyn Line> {
        let acceptor = usize::from(!matches!(transport, Transport::Tcp));
        let socket = TcpStream::connect(self.address(acceptor)).await;
        let socket = socket.expect("the server listens");
        socket.set_nodelay(true).expect("the socket is alive");
        match transport {
            Transport::Tcp => Box::new(socket),
            Transport::Tls(version) => {
                let connector = TlsConnector::from(self.authority.believed(&[version]));
                let stream = connector.connect(localhost(), socket).await;
                Box::new(stream.expect("the server is believed"))
            }
        }
    }

    async fn shutdown(self) {
        self.app.shutdown().await;
    }
}

/// The heartbeat is that of the worked bytes.
fn config() -> Config {
    let mut config = Config::for_test();
    config.heartbeat.interval = Duration::from_secs(30);
    config
}

fn conversations() -> Vec<(&'static str, Vec<Step>)> {
    let not_found = br#"{"code":"PIT-404","msg":"pitaya/handler: connector.foo.bar not found"}"#;
    let named = br#"{"Data":{"name":"PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"}}"#;
    // By C zlib at its default level, as the client calls it.
    let deflated = hex("789cab5672492c4954b2aa56ca4bcc4d55b2520a201228d5d6020037f712cc");
    let long = [b"play.echo.".as_slice(), &[b'r'; 290]].concat();
    vec![
        (
            // Requests made while connecting leave behind the ack, possibly in its segment.
            "the ack and the requests that waited for it in one segment",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x00\x01\x09play.echo", b"one"]), data(&[b"\x00\x02\x09play.echo", b"two"])].concat()),
                Get([data(&[b"\x04\x01", b"one"]), data(&[b"\x04\x02", b"two"])].concat()),
            ],
        ),
        (
            "a request cut inside its header and its body",
            vec![
                hello(HELLO),
                welcome(),
                Send([&ack()[..], b"\x04\x00"].concat()),
                Send(b"\x00\x0e\x00\x07\x09play.".to_vec()),
                Send(b"echook".to_vec()),
                Get(data(&[b"\x04\x07", b"ok"])),
            ],
        ),
        (
            "a compressed body",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x10\x01\x09play.echo", &deflated])].concat()),
                Get(data(&[b"\x04\x01", named])),
            ],
        ),
        (
            "no body for a handler without argument",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x00\x01\x0cplay.address"])].concat()),
                Get(data(&[b"\x04\x01", b"ipv4"])),
            ],
        ),
        (
            "an unknown route is answered with its full name and the error bit",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x00\x03\x07foo.bar"])].concat()),
                Get(data(&[b"\x24\x03", not_found])),
                Send(data(&[b"\x00\x04\x11connector.foo.bar"])),
                Get(data(&[b"\x24\x04", not_found])),
            ],
        ),
        (
            "the largest id it uses",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x00\xfe\xff\xff\xff\x0f\x09play.echo", b"x"])].concat()),
                Get(data(&[b"\x04\xfe\xff\xff\xff\x0f", b"x"])),
            ],
        ),
        (
            // It writes the length of a route modulo 256: what is left over becomes the body.
            "a route that is too long for its length byte",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x00\x01", &[(long.len() % 256) as u8], &long])].concat()),
                Get(data(&[b"\x24\x01", br#"{"code":"PIT-500","msg":"no servers available of this type"}"#])),
                Send(data(&[b"\x00\x02\x09play.echo", b"still here"])),
                Get(data(&[b"\x04\x02", b"still here"])),
            ],
        ),
        (
            "a notify, then a request that shows it was taken",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x02\x09play.note", b"{}"]), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
                Get(data(&[b"\x04\x01", b"x"])),
            ],
        ),
        (
            "heartbeats of its own are not answered",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), packet(PacketType::Heartbeat, b""), packet(PacketType::Heartbeat, b"")].concat()),
                Send(data(&[b"\x00\x01\x09play.echo", b"x"])),
                Get(data(&[b"\x04\x01", b"x"])),
            ],
        ),
        (
            "Unity's handshake with options",
            vec![
                hello(br#"{"sys":{"platform":"ios","libVersion":"4.6.2-","clientBuildNumber":"77","clientVersion":"1.2"},"user":{"age":30,"tags":["a"]}}"#),
                welcome(),
                Send([ack(), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
                Get(data(&[b"\x04\x01", b"x"])),
            ],
        ),
        (
            // The options may be any JSON; without a 200 it does not try again.
            "options that are no object are refused before the end",
            vec![
                hello(br#"{"sys":{"platform":"mac","libVersion":"4.6.2-","clientBuildNumber":"1","clientVersion":"0.1"},"user":[1]}"#),
                Get(packet(PacketType::Handshake, REFUSED)),
                End,
            ],
        ),
        (
            // It reconnects for these, so there is no kick.
            "a message that is none ends the connection without a word",
            vec![
                hello(HELLO),
                welcome(),
                Send([ack(), data(&[b"\x08\x00"])].concat()),
                End,
            ],
        ),
    ]
}

#[tokio::test]
async fn every_conversation_goes_byte_for_byte() {
    let server = Server::start(builder(config())).await;
    for transport in TRANSPORTS {
        for (name, steps) in conversations() {
            let name = format!("{name}, {transport:?}");
            converse(&name, &mut server.open(transport).await, steps).await;
        }
    }
    server.shutdown().await;
}

/// Nothing depends on how its bytes are cut into segments, or into records of TLS.
#[tokio::test]
async fn every_conversation_goes_the_same_byte_by_byte() {
    let server = Server::start(builder(config())).await;
    for transport in TRANSPORTS {
        for (name, steps) in conversations() {
            let name = format!("{name}, {transport:?}");
            let single = steps.into_iter().flat_map(|step| match step {
                Send(bytes) => bytes.into_iter().map(|byte| Send(vec![byte])).collect(),
                other => vec![other],
            });
            let mut socket = server.open(transport).await;
            converse(&name, &mut socket, single.collect()).await;
        }
    }
    server.shutdown().await;
}

/// Its TLS is OpenSSL's. It names as the server it wants what it was told to connect to, also when
/// that is an IP address, and believes only the authority that it was given.
#[tokio::test]
async fn every_conversation_goes_byte_for_byte_through_openssl() {
    let server = Server::start(builder(config())).await;
    let authority = std::env::temp_dir().join(format!("pitaya-ca-{}.pem", std::process::id()));
    std::fs::write(&authority, server.authority.certificate()).expect("a file is written");
    let address = server.address(1).to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        for (name, steps) in conversations() {
            let mut client = tokio::process::Command::new("openssl")
                .args(["s_client", "-quiet", "-verify_return_error", version])
                .args(["-connect", &address, "-servername", "127.0.0.1", "-CAfile"])
                .arg(&authority)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("openssl is installed, see tests/run");
            let (stdin, stdout) = (client.stdin.take(), client.stdout.take());
            let mut pipes = tokio::io::join(stdout.expect("a pipe"), stdin.expect("a pipe"));
            converse(&format!("{name}, {version}"), &mut pipes, steps).await;
        }
    }
    std::fs::remove_file(&authority).expect("it is there");
    server.shutdown().await;
}

/// It has no table of codes: a push with one would crash it.
#[tokio::test]
async fn pushes_name_their_route_although_the_dictionary_lists_it() {
    let dictionary = [("onMessage", 4), ("play.push", 9)];
    let server = Server::start(builder(config()).dictionary(dictionary)).await;
    let reply = br#"{"code":200,"sys":{"dict":{"onMessage":4,"play.push":9},"heartbeat":30,"serializer":"json"}}"#;
    for transport in TRANSPORTS {
        let steps = vec![
            hello(HELLO),
            Get(packet(PacketType::Handshake, reply)),
            Send([ack(), data(&[b"\x00\x01\x09play.push", b"hi"])].concat()),
            Get(data(&[b"\x06\x09onMessage", b"hi"])),
            Get(data(&[b"\x06\x09onMembers", b"hi"])),
            Get(data(&[b"\x04\x01", b"hi"])),
        ];
        let name = format!("pushes, {transport:?}");
        converse(&name, &mut server.open(transport).await, steps).await;
    }
    server.shutdown().await;
}

/// Without the kick it would reconnect and fight it; a reset could take the kick away.
#[tokio::test]
async fn a_kick_arrives_whole_before_the_end_although_it_still_sends() {
    let server = Server::start(builder(config())).await;
    for transport in TRANSPORTS {
        let mut socket = server.open(transport).await;
        // The answer shows that the ack was taken, before which nothing may be sent.
        let joined = vec![
            hello(HELLO),
            welcome(),
            Send([ack(), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
            Get(data(&[b"\x04\x01", b"x"])),
        ];
        converse(&format!("joining, {transport:?}"), &mut socket, joined).await;
        let session = only_session(&server.app);
        let push = Bytes::from_static(br#"{"content":"hi"}"#);
        let pushed = session.push("onMessage", &push).await;
        pushed.expect("it is connected");
        session.kick().await.expect("it is this server's session");
        let beats = packet(PacketType::Heartbeat, b"").repeat(50);
        let steps = vec![
            Send(beats),
            Get(data(&[b"\x06\x09onMessage", &push])),
            Get(packet(PacketType::Kick, b"")),
            End,
        ];
        converse(&format!("the kick, {transport:?}"), &mut socket, steps).await;
    }
    server.shutdown().await;
}

/// Its serializer is the one that the handshake names; errors are protobuf, too.
#[tokio::test]
async fn protobuf_conversations_have_protobuf_errors() {
    let mut config = config();
    config.serializer = SerializerKind::Protobuf;
    let server = Server::start(builder(config)).await;
    let reply = br#"{"code":200,"sys":{"dict":{},"heartbeat":30,"serializer":"protobuf"}}"#;
    let error = hex(
        "0a075049542d343034122b7069746179612f68616e646c65723a20636f6e6e6563746f722e666f6f2e626172206e6f7420666f756e64",
    );
    for transport in TRANSPORTS {
        let steps = vec![
            hello(HELLO),
            Get(packet(PacketType::Handshake, reply)),
            Send([ack(), data(&[b"\x00\x03\x07foo.bar"])].concat()),
            Get(data(&[b"\x24\x03", &error])),
            Send(data(&[b"\x00\x04\x08play.sit", b"\x08\x07"])),
            Get(data(&[b"\x04\x04", b"\x08\x07"])),
        ];
        let name = format!("protobuf, {transport:?}");
        converse(&name, &mut server.open(transport).await, steps).await;
    }
    server.shutdown().await;
}

/// After a reset it comes again at once, while its old session may still be ending.
#[tokio::test]
async fn it_reconnects_after_a_reset() {
    let server = Server::start(builder(config())).await;
    for n in 0..30 {
        let transport = TRANSPORTS[n % TRANSPORTS.len()];
        let mut socket = server.open(transport).await;
        let steps = vec![
            hello(HELLO),
            welcome(),
            Send([ack(), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
            Get(data(&[b"\x04\x01", b"x"])),
            // Unanswered when the connection breaks.
            Send(data(&[b"\x00\x02\x09play.stay"])),
        ];
        converse(&format!("{transport:?}"), &mut socket, steps).await;
        let lingers = socket.socket().set_zero_linger();
        lingers.expect("the socket is alive");
    }
    let gone = async {
        while server.app.handle().sessions().count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("every session ends");
    server.shutdown().await;
}
