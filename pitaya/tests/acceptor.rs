//! The stock acceptors over real sockets, against a client library and against
//! bytes no library would send.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use pitaya::{
    acceptor::{Acceptor, Connect, Established, Tcp, WebSocket, WsIo, memory},
    protocol::{PacketType, packet},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_websockets::{ClientBuilder, CloseCode, MaybeTlsStream, Message, WebSocketStream};

/// Far more than anything here takes; a test that hangs fails instead.
const DEADLINE: Duration = Duration::from_secs(30);

const REQUEST: &str = "GET /game?room=1 HTTP/1.1\r\n\
    Host: game.example:3251\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: https://game.example\r\n\r\n";

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("nothing happened for a long time")
}

fn data_packet(len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let mut out = Vec::new();
    packet::encode(PacketType::Data, &body, &mut out).unwrap();
    out
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..65536 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    out
}

async fn bound<A: Acceptor>(mut acceptor: A) -> (A, SocketAddr) {
    acceptor.bind().await.unwrap();
    let address = acceptor.local_addr().unwrap();
    assert_ne!(address.port(), 0);
    (acceptor, address)
}

async fn established<A: Acceptor>(
    acceptor: &mut A,
) -> io::Result<Established<<A::Connect as Connect>::Io>> {
    let connect = soon(acceptor.accept()).await?;
    soon(connect.establish()).await
}

/// Reads to the end: the whole packets, and the text of what ended them.
async fn packets_of(mut io: impl AsyncRead + Unpin) -> (Vec<Vec<u8>>, String) {
    let (mut bytes, mut packets) = (Vec::new(), Vec::new());
    loop {
        match packet::decode(&bytes, packet::MAX_BODY_LEN) {
            Ok(Some((_, used))) => {
                packets.push(bytes[..used].to_vec());
                bytes.drain(..used);
                continue;
            }
            Ok(None) => {}
            Err(error) => return (packets, error.to_string()),
        }
        match soon(io.read_buf(&mut bytes)).await {
            Ok(0) => return (packets, "end".into()),
            Ok(_) => {}
            Err(error) => return (packets, error.to_string()),
        }
    }
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket between the client library and the acceptor.
async fn library_client() -> (Client, WsIo<TcpStream>) {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let uri = format!("ws://{address}/any/path?and=query");
    let builder = ClientBuilder::new().uri(&uri).unwrap();
    let (client, server) = tokio::join!(builder.connect(), established(&mut acceptor));
    let server = server.unwrap();
    assert_eq!(server.local, Some(address));
    assert_eq!(server.peer.map(|peer| peer.ip()), Some(address.ip()));
    (client.unwrap().0, server.io)
}

/// A WebSocket between bare bytes and the acceptor.
async fn raw_client() -> (TcpStream, WsIo<TcpStream>) {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let server = established(&mut acceptor).await.unwrap();
    read_head(&mut client).await;
    (client, server.io)
}

/// Reads the head of an HTTP answer.
async fn read_head(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(client.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// What the server makes of these bytes behind the upgrade, and the bytes it
/// answers with.
async fn outcome(wire: &[u8]) -> (Vec<Vec<u8>>, String, Vec<u8>) {
    let (mut client, mut server) = raw_client().await;
    client.write_all(wire).await.unwrap();
    client.shutdown().await.unwrap();
    let (packets, end) = packets_of(&mut server).await;
    drop(server);
    let mut answer = Vec::new();
    soon(client.read_to_end(&mut answer)).await.unwrap();
    (packets, end, answer)
}

#[tokio::test]
async fn tcp_carries_bytes_both_ways_and_knows_the_addresses() {
    let (mut acceptor, address) = bound(Tcp::bind("127.0.0.1:0")).await;
    assert_eq!(acceptor.name(), "tcp");
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut server = established(&mut acceptor).await.unwrap();
    assert_eq!(server.peer, Some(client.local_addr().unwrap()));
    assert_eq!(server.local, Some(address));
    assert!(server.io.nodelay().unwrap());

    client.write_all(&packet::HEARTBEAT).await.unwrap();
    assert_eq!(soon(server.io.read_u32()).await.unwrap(), 0x0300_0000);
    server.io.write_all(&packet::KICK).await.unwrap();
    assert_eq!(soon(client.read_u32()).await.unwrap(), 0x0500_0000);
}

#[tokio::test]
async fn listeners_that_are_open_already_are_taken_over() {
    let of_std = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();

    let listener = of_std();
    let address = listener.local_addr().unwrap();
    let acceptor = Tcp::from_listener(listener);
    assert_eq!(acceptor.local_addr(), Some(address), "known before `bind`");
    let (mut acceptor, found) = bound(acceptor).await;
    assert_eq!(found, address);
    let _client = TcpStream::connect(address).await.unwrap();
    established(&mut acceptor).await.unwrap();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mut acceptor, found) = bound(WebSocket::from_listener(listener)).await;
    assert_eq!(found, address);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    established(&mut acceptor).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let (_first, address) = bound(Tcp::bind("127.0.0.1:0")).await;
    let mut second = WebSocket::bind(address.to_string());
    let error = second.bind().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert_eq!(second.local_addr(), None);
}

#[tokio::test]
async fn a_client_library_and_the_server_understand_each_other() {
    let (mut client, mut server) = library_client().await;
    let lengths = [0, 1, 121, 122, 123, 65531, 65532, 300_000];
    let mut batch = Vec::new();
    for len in lengths {
        batch.extend(data_packet(len));
    }

    let sending = async {
        for len in lengths {
            let message = Message::binary(Bytes::from(data_packet(len)));
            client.send(message).await.unwrap();
        }
        let mut echoed = Vec::new();
        for _ in lengths {
            let message = client.next().await.unwrap().unwrap();
            assert!(message.is_binary());
            echoed.push(message.into_payload().to_vec());
        }
        client.close().await.unwrap();
        echoed
    };
    let echoing = async {
        let mut received = vec![0; batch.len()];
        server.read_exact(&mut received).await.unwrap();
        assert!(received == batch);
        server.write_all(&batch).await.unwrap();
        server.flush().await.unwrap();
        assert_eq!(server.read(&mut [0; 10]).await.unwrap(), 0);
    };
    let (echoed, ()) = soon(async { tokio::join!(sending, echoing) }).await;
    assert!(echoed == lengths.map(data_packet));
}

#[tokio::test]
async fn the_client_library_sees_pongs_and_the_close_code() {
    let (mut client, mut server) = library_client().await;
    client.send(Message::ping("are you there")).await.unwrap();
    let serving = tokio::spawn(async move {
        // Nothing comes out of it; reading is what answers.
        server.read(&mut [0; 10]).await
    });
    let pong = soon(client.next()).await.unwrap().unwrap();
    assert!(pong.is_pong());
    assert_eq!(&pong.as_payload()[..], b"are you there");
    assert!(!serving.is_finished());
    serving.abort();

    let (mut client, mut server) = library_client().await;
    soon(server.write_all(&packet::KICK)).await.unwrap();
    soon(server.flush()).await.unwrap();
    soon(server.shutdown()).await.unwrap();
    let kick = soon(client.next()).await.unwrap().unwrap();
    assert_eq!(&kick.as_payload()[..], packet::KICK);
    let close = soon(client.next()).await.unwrap().unwrap();
    let code = close.as_close().map(|(code, _)| code);
    assert_eq!(code, Some(CloseCode::NORMAL_CLOSURE));
}

#[tokio::test]
async fn recorded_websocket_messages_end_as_recorded() {
    let vectors = include_str!("vectors/packets.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let rows = vectors["decode_websocket"].as_array().unwrap();
    assert!(rows.len() >= 8);
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let (mut client, server) = library_client().await;
        for frame in row["frames_hex"].as_array().unwrap() {
            let payload = Bytes::from(unhex(frame.as_str().unwrap()));
            let message = if row["text_opcode"] == true {
                Message::text(String::from_utf8(payload.into()).unwrap())
            } else {
                Message::binary(payload)
            };
            client.send(message).await.unwrap();
        }
        let expected_end = row["end"]["text"].as_str().unwrap();
        let (packets, end) = if expected_end == "websocket: close 1000 (normal)" {
            let ended = async { tokio::join!(client.close(), packets_of(server)).1 };
            let (packets, end) = soon(ended).await;
            assert_eq!(end, "end", "{name}");
            (packets, expected_end.to_owned())
        } else {
            packets_of(server).await
        };
        let expected: Vec<_> = row["packets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|packet| {
                let kind = u8::try_from(packet["type"].as_u64().unwrap()).unwrap();
                let kind = PacketType::from_byte(kind).unwrap();
                let mut out = Vec::new();
                packet::encode(kind, &unhex(packet["body_hex"].as_str().unwrap()), &mut out)
                    .unwrap();
                out
            })
            .collect();
        assert_eq!(packets, expected, "{name}");
        assert_eq!(end, expected_end, "{name}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[tokio::test]
async fn fragments_pings_and_bad_text_make_packets() {
    let packet = data_packet(70_000);
    let wire = [
        masked(0x01, &packet[..3]),
        masked(0x89, b"between"),
        masked(0x00, &packet[3..200]),
        masked(0x80, &packet[200..]),
        masked(0x81, &[4, 0, 0, 3, 0xff, 0xc0, 0x80]), // text, but no UTF-8
        masked(0x82, &packet::HEARTBEAT),
        masked(0x88, &[]),
    ]
    .concat();
    let (packets, end, answer) = outcome(&wire).await;
    assert!(packets[0] == packet);
    assert_eq!(packets[1], [4, 0, 0, 3, 0xff, 0xc0, 0x80]);
    assert_eq!(packets[2], packet::HEARTBEAT);
    assert_eq!((packets.len(), end.as_str()), (3, "end"));
    assert_eq!(answer, b"\x8a\x07between\x88\x00");
}

#[tokio::test]
async fn a_peer_that_sends_byte_by_byte_is_understood() {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.set_nodelay(true).unwrap();
    let packet = data_packet(200);
    let wire = [
        REQUEST.as_bytes(),
        &masked(0x82, &packet),
        &masked(0x89, b"?"),
        &masked(0x82, &packet::HEARTBEAT),
        &masked(0x88, b"\x03\xe8"),
    ]
    .concat();
    let sending = tokio::spawn(async move {
        for byte in wire {
            client.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        client
    });
    let server = established(&mut acceptor).await.unwrap();
    let (packets, end) = packets_of(server.io).await;
    assert_eq!(packets, [packet, packet::HEARTBEAT.to_vec()]);
    assert_eq!(end, "end");
    let mut client = sending.await.unwrap();
    read_head(&mut client).await;
    let mut answer = Vec::new();
    soon(client.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"\x8a\x01?\x88\x02\x03\xe8");
}

#[tokio::test]
async fn packets_sent_together_with_the_request_are_not_lost() {
    let (connector, acceptor) = memory(1 << 20);
    let mut acceptor = WebSocket::over(acceptor);
    assert_eq!(acceptor.name(), "websocket");
    let mut client = connector.connect().unwrap();
    let packet = data_packet(5_000);
    let frame = masked(0x82, &packet);
    let wire = [REQUEST.as_bytes(), &frame, &frame, &masked(0x88, &[])].concat();
    client.write_all(&wire).await.unwrap();
    let server = established(&mut acceptor).await.unwrap();
    let (packets, end) = packets_of(server.io).await;
    assert!(packets == [packet.clone(), packet]);
    assert_eq!(end, "end");
}

#[tokio::test]
async fn broken_rules_end_the_connection() {
    let beat = masked(0x82, &packet::HEARTBEAT);
    let two = masked(0x82, &packet::HEARTBEAT.repeat(2));
    let protocol_error = b"\x88\x02\x03\xea".to_vec();
    let too_big = b"\x88\x02\x03\xf1".to_vec();
    for (wire, text, answer) in [
        (two, "received more data than expected", &protocol_error),
        (masked(0x82, &[4, 0]), "invalid header", &protocol_error),
        (
            masked(0x82, &[4, 0, 0, 2, 0xff]),
            "received less data than expected, EOF?",
            &protocol_error,
        ),
        (
            b"\x82\x04\x03\0\0\0".to_vec(),
            "websocket: frame is not masked",
            &protocol_error,
        ),
        (
            masked(0xc2, &packet::HEARTBEAT),
            "websocket: reserved bits set",
            &protocol_error,
        ),
        (
            masked(0x89, &[0; 126])[..2].to_vec(),
            "websocket: malformed control frame",
            &protocol_error,
        ),
        (
            b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "websocket: message of 9223372036854775807 bytes is larger than the limit of 16777219 bytes",
            &too_big,
        ),
    ] {
        let (packets, end, found) = outcome(&[&beat[..], &wire].concat()).await;
        assert_eq!(packets, [packet::HEARTBEAT], "{text}");
        assert_eq!(end, text);
        assert_eq!(found, *answer, "{text}");
    }
    let (packets, end, _) = outcome(&beat[..beat.len() - 1]).await;
    assert_eq!((packets.len(), end.as_str()), (0, "unexpected end of file"));
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_when_it_is_announced() {
    let (connector, acceptor) = memory(4096);
    let mut acceptor = WebSocket::over(acceptor).max_message(200);
    let mut client = connector.connect().unwrap();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let server = established(&mut acceptor).await.unwrap();
    client
        .write_all(&masked(0x82, &data_packet(196)))
        .await
        .unwrap();
    client
        .write_all(&masked(0x82, &data_packet(197))[..4])
        .await
        .unwrap();
    let (packets, end) = packets_of(server.io).await;
    assert_eq!(packets, [data_packet(196)]);
    assert_eq!(
        end,
        "websocket: message of 201 bytes is larger than the limit of 200 bytes"
    );
}

#[tokio::test]
async fn a_slow_reader_gets_every_message_whole() {
    for capacity in [1, 3, 64, 1000] {
        let (connector, acceptor) = memory(capacity);
        let mut acceptor = WebSocket::over(acceptor);
        let mut client = connector.connect().unwrap();
        let connecting = async {
            client.write_all(REQUEST.as_bytes()).await.unwrap();
            read_head(&mut client).await
        };
        let (head, server) = tokio::join!(connecting, established(&mut acceptor));
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let mut server = server.unwrap().io;
        let lengths = [0, 10, 122, 3_000, 0];
        let writing = async {
            let batch: Vec<u8> = lengths.into_iter().flat_map(data_packet).collect();
            server.write_all(&batch).await.unwrap();
            server.flush().await.unwrap();
            server.shutdown().await.unwrap();
            drop(server);
        };
        let reading = async {
            let mut client = ClientBuilder::new().take_over(client);
            let mut messages = Vec::new();
            while let Some(Ok(message)) = client.next().await {
                messages.push(message);
            }
            messages
        };
        let ((), messages) = soon(async { tokio::join!(writing, reading) }).await;
        let (close, packets) = messages.split_last().unwrap();
        assert!(close.is_close());
        let payloads: Vec<_> = packets.iter().map(|m| m.as_payload().to_vec()).collect();
        assert_eq!(payloads, lengths.map(data_packet), "capacity {capacity}");
    }
}

/// What a request is answered with, and the error the server logs.
async fn answer(
    acceptor: &mut impl Acceptor,
    address: SocketAddr,
    request: &[u8],
) -> (String, String) {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request).await.unwrap();
    client.shutdown().await.unwrap();
    let error = match established(acceptor).await {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut text = String::new();
    soon(client.read_to_string(&mut text)).await.unwrap();
    (text, error)
}

#[tokio::test]
async fn requests_that_are_no_upgrade_get_a_fitting_answer() {
    let acceptor = WebSocket::bind("127.0.0.1:0")
        .paths(["/game", "/lobby"])
        .origins(["https://game.example"]);
    let (mut acceptor, address) = bound(acceptor).await;
    let with = |from: &str, to: &str| REQUEST.replace(from, to).into_bytes();
    let many_headers = with("Origin", &format!("{}Origin", "X: y\r\n".repeat(70)));
    let long = with("Origin", &format!("X: {}\r\nOrigin", "y".repeat(20_000)));
    for (request, status) in [
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            "426 Upgrade Required",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01".to_vec(),
            "400 Bad Request",
        ),
        (b"\x01\x00\x00\x02{}".to_vec(), "400 Bad Request"),
        (with("GET", "POST"), "405 Method Not Allowed"),
        (
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            "405 Method Not Allowed",
        ),
        (with("Version: 13", "Version: 8"), "426 Upgrade Required"),
        (with("dGhl", ""), "400 Bad Request"),
        (with("GET /game", "GET /other"), "404 Not Found"),
        (with("GET /game", "GET /game/"), "404 Not Found"),
        (with("https://game", "https://evil"), "403 Forbidden"),
        (many_headers, "431 Request Header Fields Too Large"),
        (long, "431 Request Header Fields Too Large"),
    ] {
        let (text, error) = answer(&mut acceptor, address, &request).await;
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{text}"
        );
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Connection: close"), "{head}");
        assert!(!body.is_empty() && error.ends_with(body), "{error}");
        assert!(error.contains(&status[..3]), "{error}");
    }
    for request in [
        REQUEST.as_bytes().to_vec(),
        with("GET /game", "GET /lobby"),
        with("https://game.example", "HTTPS://GAME.EXAMPLE"),
        with("Origin: https://game.example\r\n", ""),
    ] {
        let (text, outcome) = answer(&mut acceptor, address, &request).await;
        assert_eq!(outcome, "accepted");
        assert!(
            text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{text}"
        );
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }
}

/// Monitors ask so; they must not be sent a text.
#[tokio::test]
async fn a_head_request_is_answered_without_a_text() {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let request = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (text, error) = answer(&mut acceptor, address, request).await;
    assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
    assert!(error.contains("405"), "{error}");
}

#[tokio::test]
async fn the_sub_protocol_is_the_first_of_the_client_that_is_spoken() {
    let acceptor = WebSocket::bind("127.0.0.1:0").protocols(["pitaya.v2", "pitaya"]);
    let (mut acceptor, address) = bound(acceptor).await;
    for (offered, agreed) in [
        ("", None),
        ("Sec-WebSocket-Protocol: other\r\n", None),
        ("Sec-WebSocket-Protocol:\r\n", None),
        // They are compared as they are.
        ("Sec-WebSocket-Protocol: Pitaya\r\n", None),
        ("Sec-WebSocket-Protocol: pitaya\r\n", Some("pitaya")),
        (
            "sec-websocket-protocol: other,pitaya , pitaya.v2\r\n",
            Some("pitaya"),
        ),
        (
            "Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: pitaya.v2, pitaya\r\n",
            Some("pitaya.v2"),
        ),
    ] {
        let request = REQUEST.replace("Origin", &format!("{offered}Origin"));
        let (text, outcome) = answer(&mut acceptor, address, request.as_bytes()).await;
        assert_eq!(outcome, "accepted");
        let line = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name == "Sec-WebSocket-Protocol").then_some(value)
        });
        assert_eq!(line, agreed, "{offered}");
    }
    for name in ["", "two words", "a,b", "x\r\nSet-Cookie: y", "ä"] {
        let mut acceptor = WebSocket::bind("127.0.0.1:0").protocols([name]);
        let error = acceptor.bind().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("sub-protocol"), "{error}");
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_when_it_is_announced() {
    let (connector, acceptor) = memory(4096);
    let mut acceptor = WebSocket::over(acceptor).max_frame(100);
    let mut client = connector.connect().unwrap();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let server = established(&mut acceptor).await.unwrap();
    // More than that in parts, and a ping that a frame of a message could not be.
    let packet = data_packet(196);
    let parts = [
        masked(0x02, &packet[..100]),
        masked(0x89, &[0; 125]),
        masked(0x80, &packet[100..]),
    ];
    client.write_all(&parts.concat()).await.unwrap();
    client
        .write_all(&masked(0x82, &data_packet(97))[..2])
        .await
        .unwrap();
    let (packets, end) = packets_of(server.io).await;
    assert_eq!(packets, [packet]);
    assert_eq!(
        end,
        "websocket: message of 101 bytes is larger than the limit of 100 bytes"
    );
}

#[tokio::test]
async fn a_server_may_insist_on_pages_of_its_own_host() {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0").same_origin()).await;
    let (text, _) = answer(&mut acceptor, address, REQUEST.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    let same = REQUEST.replace("https://game.example", "https://game.example:3251");
    let (text, _) = answer(&mut acceptor, address, same.as_bytes()).await;
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
}

#[tokio::test]
async fn a_peer_that_closes_before_its_request_is_whole_is_an_error() {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let (text, error) = answer(&mut acceptor, address, b"GET / HT").await;
    assert_eq!(text, "");
    assert_eq!(error, "closed before the upgrade");
}

#[tokio::test]
async fn a_silent_peer_holds_nobody_up() {
    let (mut acceptor, address) = bound(WebSocket::bind("127.0.0.1:0")).await;
    let _silent = TcpStream::connect(address).await.unwrap();
    let waiting = soon(acceptor.accept()).await.unwrap();
    let waiting = tokio::spawn(waiting.establish());
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    established(&mut acceptor).await.unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn memory_connections_work_like_sockets() {
    let (connector, mut acceptor) = memory(64);
    acceptor.bind().await.unwrap();
    assert_eq!((acceptor.name(), acceptor.local_addr()), ("memory", None));
    let mut first = connector.connect().unwrap();
    let mut second = connector.clone().connect().unwrap();
    for client in [&mut first, &mut second] {
        let mut server = established(&mut acceptor).await.unwrap().io;
        exchange(client, &mut server).await;
    }
    drop(acceptor);
    let refused = connector.connect().unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

async fn exchange(client: &mut (impl AsyncWrite + Unpin), server: &mut (impl AsyncRead + Unpin)) {
    client.write_all(&packet::HEARTBEAT).await.unwrap();
    assert_eq!(soon(server.read_u32()).await.unwrap(), 0x0300_0000);
}
