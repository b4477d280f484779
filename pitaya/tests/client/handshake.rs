//! What is said before a client is connected, in every variant that servers know.

use std::time::Duration;

use pitaya::client::{Client, ClientBuilder, DisconnectReason, Error};
use pitaya::message::{AnyMessage, Codec, CodecError, Serializer};
use pitaya::protocol::compression::Deflater;
use pitaya::protocol::packet::{HEARTBEAT, KICK, PacketType};
use pitaya::protocol::{Dictionary, RouteRef, handshake};
use tokio::time::Instant;

use crate::server::*;

/// The outcome of connecting to a server that takes the handshake, writes `bytes` and closes.
async fn outcome(builder: ClientBuilder, bytes: &[u8]) -> Result<Client, Error> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let serve = async {
        server.packet().await;
        server.write(bytes).await;
        drop(server);
    };
    soon(async { tokio::join!(builder.connect(near), serve) })
        .await
        .0
}

#[tokio::test(start_paused = true)]
async fn the_handshake_carries_what_was_chosen() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let (client, sent) = tokio::join!(Client::connect(near), server.shake_hands(REPLY.as_bytes()));
    client.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        r#"{{"sys":{{"platform":"rust","libVersion":"pitaya-rust-{version}","clientBuildNumber":"","clientVersion":""}}}}"#
    );
    assert_eq!(sent, expected);

    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let builder = Client::builder()
        .platform("mac")
        .lib_version("0.3.5-release")
        .build_number("20")
        .client_version("2.1")
        .user("age", 30);
    let (client, sent) = tokio::join!(builder.connect(near), server.shake_hands(REPLY.as_bytes()));
    client.unwrap();
    assert_eq!(
        sent,
        r#"{"sys":{"platform":"mac","libVersion":"0.3.5-release","clientBuildNumber":"20","clientVersion":"2.1"},"user":{"age":30}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn replies_plain_padded_compressed_and_sparse_are_understood() {
    let routes: Vec<_> = (0..200)
        .map(|n| (format!("room.room.method{n}"), n))
        .collect();
    let dictionary = Dictionary::new(routes).unwrap();
    let interval = Duration::from_secs(1000);
    let mut deflater = Deflater::new();
    let whole = handshake::reply(200, interval, "json", &dictionary, Some(&mut deflater)).unwrap();
    let compressed = whole.get(4..).unwrap();
    assert_eq!(compressed.first(), Some(&0x78));
    let padded = format!("{REPLY:<1020}");
    let cases: [(&[u8], usize, Duration); 4] = [
        (REPLY.as_bytes(), 0, interval),
        (padded.as_bytes(), 0, interval),
        (compressed, 200, interval),
        (br#"{"code":200,"sys":{}}"#, 0, Duration::ZERO),
    ];
    for (reply, routes, heartbeat) in cases {
        let (near, far) = tokio::io::duplex(1 << 16);
        let mut server = Server::new(far);
        let (client, _) = tokio::join!(Client::connect(near), server.shake_hands(reply));
        let client = client.unwrap();
        assert_eq!(client.dictionary().len(), routes);
        assert_eq!(client.heartbeat(), heartbeat);
        assert_eq!(client.serializer().name(), "json");
        let (answer, ()) = tokio::join!(client.request_raw("a.b", "1"), async {
            let request = server.message().await;
            server.answer(request.id, &request.body).await;
        });
        assert_eq!(answer.unwrap(), "1");
    }
}

#[tokio::test(start_paused = true)]
async fn the_dictionary_is_used_in_both_directions() {
    let reply = r#"{"code":200,"sys":{"dict":{"room.join":300,"onMessage":0},"heartbeat":1000,"serializer":"json"}}"#;
    let (client, mut server) = connected_with(Client::builder(), reply).await;
    client.notify_raw("room.join", "x").await.unwrap();
    client.notify_raw("room.leave", "x").await.unwrap();
    assert_eq!(server.message().await.route, "#300");
    assert_eq!(server.message().await.route, "room.leave");
    server.write(&a_push(RouteRef::Code(0), b"hi")).await;
    assert_eq!(client.next_push("onMessage").await.unwrap().body, "hi");
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_gives_the_code() {
    let reply = REPLY.replace("200", "400");
    let bytes = a_packet(PacketType::Handshake, reply.as_bytes());
    let refused = outcome(Client::builder(), &bytes).await;
    assert!(matches!(
        refused,
        Err(Error::HandshakeRefused { code: 400 })
    ));
}

#[tokio::test(start_paused = true)]
async fn anything_but_a_reply_is_an_error_that_says_so() {
    let cases: [(&[u8], &str); 7] = [
        (b"", "disconnected: closed by the server"),
        (
            &a_packet(PacketType::Handshake, REPLY.as_bytes())[..20],
            "disconnected: closed by the server",
        ),
        (&KICK, "disconnected: kicked by the server"),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "disconnected: protocol error: wrong packet type",
        ),
        (
            &a_packet(PacketType::Handshake, b""),
            "disconnected: protocol error: unexpected end of JSON input",
        ),
        (
            &response(1, b"{}"),
            "disconnected: protocol error: a packet came before the handshake reply",
        ),
        (
            b"\x01\xff\xff\xff",
            "disconnected: protocol error: packet body of 16777215 bytes is larger than the limit of 1000 bytes",
        ),
    ];
    for (bytes, expected) in cases {
        let builder = Client::builder().max_packet_size(1000);
        assert_eq!(failure(outcome(builder, bytes).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_the_connect_timeout() {
    let (near, _far) = tokio::io::duplex(1 << 16);
    let start = Instant::now();
    let builder = Client::builder().connect_timeout(Duration::from_secs(3));
    assert!(matches!(
        builder.connect(near).await,
        Err(Error::ConnectTimeout)
    ));
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_that_surrounds_the_reply_in_one_read() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let last = a_push(RouteRef::Name(b"onLast"), b"2");
    let (first_half, second_half) = last.split_at(6);
    let mut bytes = HEARTBEAT.to_vec();
    bytes.extend(a_packet(PacketType::Handshake, REPLY.as_bytes()));
    bytes.extend(HEARTBEAT);
    bytes.extend(a_push(RouteRef::Name(b"onFirst"), b"1"));
    bytes.extend(first_half);
    server.write(&bytes).await;
    let client = soon(Client::connect(near)).await.unwrap();
    assert_eq!(client.next_push("onFirst").await.unwrap().body, "1");
    server.write(second_half).await;
    assert_eq!(client.next_push("onLast").await.unwrap().body, "2");
}

/// Carries nothing; only its name matters here.
struct Named;

impl Codec for Named {
    fn name(&self) -> &str {
        "named"
    }
    fn encode(&self, _: &dyn AnyMessage, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(CodecError::new("carries nothing"))
    }
    fn decode(&self, _: &[u8], _: &mut dyn AnyMessage) -> Result<(), CodecError> {
        Err(CodecError::new("carries nothing"))
    }
}

#[tokio::test(start_paused = true)]
async fn client_and_server_must_share_a_serializer() {
    let named = || Serializer::Custom(std::sync::Arc::new(Named));
    let connect = async |name: &str, serializer: Option<Serializer>| {
        let reply = REPLY.replace("json", name);
        let builder = match serializer {
            Some(serializer) => Client::builder().serializer(serializer),
            None => Client::builder(),
        };
        let bytes = a_packet(PacketType::Handshake, reply.as_bytes());
        outcome(builder, &bytes)
            .await
            .map(|client| client.serializer().name().to_owned())
    };
    assert_eq!(connect("json", None).await.unwrap(), "json");
    assert_eq!(connect("protobuf", None).await.unwrap(), "protobuf");
    assert_eq!(connect("named", Some(named())).await.unwrap(), "named");
    assert_eq!(
        failure(connect("named", None).await),
        "the server speaks `named`, this client only `json` and `protobuf` (give it the codec)"
    );
    assert_eq!(
        failure(connect("json", Some(Serializer::Protobuf)).await),
        "the server speaks `json`, this client `protobuf`"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_closes_the_connection() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let mut server = Server::new(far);
    let reply = REPLY.replace("200", "400");
    server.send(PacketType::Handshake, reply.as_bytes()).await;
    assert!(soon(Client::connect(near)).await.is_err());
    assert_eq!(server.packet().await.unwrap().0, PacketType::Handshake);
    assert_eq!(server.packet().await, None, "no ack");
    assert_eq!(DisconnectReason::Kicked.to_string(), "kicked by the server");
}
