//! What the C client (libpitaya, and Unity through it) sends and must get, byte by byte: the client
//! protocol, 9.2 and 10. Each conversation is data, so that any transport can carry it.

use std::time::Duration;

use bytes::Bytes;
use pitaya::app::AppBuilder;
use pitaya::app::config::{Config, SerializerKind};
use pitaya::protocol::packet::{self, PacketType};
use pitaya::{App, Tcp};
use standalone_tests::DEADLINE;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

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
                Send(bytes) => socket.write_all(&bytes).await.expect("the server reads"),
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

async fn serve(builder: AppBuilder) -> App {
    let app = builder.acceptor(Tcp::bind("127.0.0.1:0"));
    app.start().await.expect("the app starts")
}

async fn open(app: &App) -> TcpStream {
    let address = app.local_addr(0).expect("TCP has an address");
    TcpStream::connect(address)
        .await
        .expect("the server listens")
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
    let app = serve(builder(config())).await;
    for (name, steps) in conversations() {
        converse(name, &mut open(&app).await, steps).await;
    }
    app.shutdown().await;
}

/// Nothing depends on how its bytes are cut into segments.
#[tokio::test]
async fn every_conversation_goes_the_same_byte_by_byte() {
    let app = serve(builder(config())).await;
    for (name, steps) in conversations() {
        let mut socket = open(&app).await;
        socket.set_nodelay(true).expect("the socket is alive");
        let single = steps.into_iter().flat_map(|step| match step {
            Send(bytes) => bytes.into_iter().map(|byte| Send(vec![byte])).collect(),
            other => vec![other],
        });
        converse(name, &mut socket, single.collect()).await;
    }
    app.shutdown().await;
}

/// It has no table of codes: a push with one would crash it.
#[tokio::test]
async fn pushes_name_their_route_although_the_dictionary_lists_it() {
    let dictionary = [("onMessage", 4), ("play.push", 9)];
    let app = serve(builder(config()).dictionary(dictionary)).await;
    let reply = br#"{"code":200,"sys":{"dict":{"onMessage":4,"play.push":9},"heartbeat":30,"serializer":"json"}}"#;
    let steps = vec![
        hello(HELLO),
        Get(packet(PacketType::Handshake, reply)),
        Send([ack(), data(&[b"\x00\x01\x09play.push", b"hi"])].concat()),
        Get(data(&[b"\x06\x09onMessage", b"hi"])),
        Get(data(&[b"\x06\x09onMembers", b"hi"])),
        Get(data(&[b"\x04\x01", b"hi"])),
    ];
    converse("pushes", &mut open(&app).await, steps).await;
    app.shutdown().await;
}

/// Without the kick it would reconnect and fight it; a reset could take the kick away.
#[tokio::test]
async fn a_kick_arrives_whole_before_the_end_although_it_still_sends() {
    let app = serve(builder(config())).await;
    let mut socket = open(&app).await;
    // The answer shows that the ack was taken, before which nothing may be sent.
    let joined = vec![
        hello(HELLO),
        welcome(),
        Send([ack(), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
        Get(data(&[b"\x04\x01", b"x"])),
    ];
    converse("joining", &mut socket, joined).await;
    let session = only_session(&app);
    let push = Bytes::from_static(br#"{"content":"hi"}"#);
    session
        .push("onMessage", &push)
        .await
        .expect("it is connected");
    session.kick().await.expect("it is this server's session");
    let beats = packet(PacketType::Heartbeat, b"").repeat(50);
    let steps = vec![
        Send(beats),
        Get(data(&[b"\x06\x09onMessage", &push])),
        Get(packet(PacketType::Kick, b"")),
        End,
    ];
    converse("the kick", &mut socket, steps).await;
    app.shutdown().await;
}

/// Its serializer is the one that the handshake names; errors are protobuf, too.
#[tokio::test]
async fn protobuf_conversations_have_protobuf_errors() {
    let mut config = config();
    config.serializer = SerializerKind::Protobuf;
    let app = serve(builder(config)).await;
    let reply = br#"{"code":200,"sys":{"dict":{},"heartbeat":30,"serializer":"protobuf"}}"#;
    let error = hex(
        "0a075049542d343034122b7069746179612f68616e646c65723a20636f6e6e6563746f722e666f6f2e626172206e6f7420666f756e64",
    );
    let steps = vec![
        hello(HELLO),
        Get(packet(PacketType::Handshake, reply)),
        Send([ack(), data(&[b"\x00\x03\x07foo.bar"])].concat()),
        Get(data(&[b"\x24\x03", &error])),
        Send(data(&[b"\x00\x04\x08play.sit", b"\x08\x07"])),
        Get(data(&[b"\x04\x04", b"\x08\x07"])),
    ];
    converse("protobuf", &mut open(&app).await, steps).await;
    app.shutdown().await;
}

/// After a reset it comes again at once, while its old session may still be ending.
#[tokio::test]
async fn it_reconnects_after_a_reset() {
    let app = serve(builder(config())).await;
    for _ in 0..20 {
        let mut socket = open(&app).await;
        let steps = vec![
            hello(HELLO),
            welcome(),
            Send([ack(), data(&[b"\x00\x01\x09play.echo", b"x"])].concat()),
            Get(data(&[b"\x04\x01", b"x"])),
            // Unanswered when the connection breaks.
            Send(data(&[b"\x00\x02\x09play.stay"])),
        ];
        converse("a connection", &mut socket, steps).await;
        socket.set_zero_linger().expect("the socket is alive");
    }
    let gone = async {
        while app.handle().sessions().count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("every session ends");
    app.shutdown().await;
}
