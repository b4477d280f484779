//! The same client over TCP, WebSocket, and a pipe that carries one byte at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pitaya::client::{Client, DisconnectReason, Error, Target};
use pitaya::protocol::packet::{KICK, MAX_BODY_LEN, PacketType};
use pitaya::protocol::websocket::{
    Opcode, accept_response, decode_header, encode, parse_upgrade, refusal, unmask,
};
use pitaya::protocol::{RouteRef, packet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::server::*;

/// Reads and writes one byte per call.
struct Trickle(DuplexStream);

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut one = [0];
        let mut small = ReadBuf::new(&mut one);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut small))?;
        buf.put_slice(small.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf.get(..1).unwrap_or(buf))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// What every transport must carry: handshake, an answer, a push, and a kick as the last word.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    connect: impl Future<Output = Result<Client, Error>>,
    accept: impl Future<Output = Server<S>>,
) {
    let body = "x".repeat(5000);
    let play = async {
        let client = connect.await.unwrap();
        let answer = client.request_raw("a.b", &body).await.unwrap();
        assert_eq!(answer, body);
        assert_eq!(client.next_push("onMessage").await.unwrap().body, "hi");
        assert_eq!(client.closed().await, DisconnectReason::Kicked);
    };
    let serve = async {
        let mut server = accept.await;
        server.shake_hands(REPLY.as_bytes()).await;
        let request = server.message().await;
        server.push("onMessage", b"hi").await;
        server.answer(request.id, &request.body).await;
        server.write(&KICK).await;
        server.expect_end().await;
    };
    soon(async { tokio::join!(play, serve) }).await;
}

#[tokio::test(start_paused = true)]
async fn one_byte_at_a_time_in_both_directions() {
    let (near, far) = tokio::io::duplex(16);
    let server = Server::new(Trickle(far));
    converse(Client::connect(Target::stream(Trickle(near))), async {
        server
    })
    .await;
}

#[tokio::test]
async fn tcp_by_every_way_to_name_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async || Server::new(listener.accept().await.unwrap().0);
    let port = address.port();
    converse(Client::connect(address), accept()).await;
    converse(Client::connect(("127.0.0.1", port)), accept()).await;
    converse(Client::connect((address.ip(), port)), accept()).await;
    converse(Client::connect(format!("127.0.0.1:{port}")), accept()).await;
    converse(Client::connect(format!("tcp://127.0.0.1:{port}")), accept()).await;
    let connected = async { Client::connect(TcpStream::connect(address).await.unwrap()).await };
    converse(connected, accept()).await;
}

#[tokio::test]
async fn a_place_where_nobody_listens_is_a_connect_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for outcome in [
        soon(Client::connect(address)).await,
        soon(Client::connect(format!("ws://{address}/"))).await,
    ] {
        assert!(matches!(outcome, Err(Error::Connect(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn web_socket_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async { upgrade(listener.accept().await.unwrap().0, "/game?v=1").await };
    converse(Client::connect(format!("ws://{address}/game?v=1")), accept).await;
}

#[tokio::test(start_paused = true)]
async fn web_socket_over_any_stream() {
    let (near, far) = tokio::io::duplex(16);
    let connect = Client::connect(Target::web_socket_on(near, "ws://game.example/"));
    converse(connect, upgrade(far, "/")).await;
}

#[tokio::test(start_paused = true)]
async fn a_web_socket_server_that_closes_or_refuses_says_so() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let connect = Client::connect(Target::web_socket_on(near, "ws://game.example/"));
    let serve = async {
        let mut server = upgrade(far, "/").await;
        server.shake_hands(REPLY.as_bytes()).await;
    };
    let (client, ()) = soon(async { tokio::join!(connect, serve) }).await;
    assert_eq!(
        client.unwrap().closed().await,
        DisconnectReason::ServerClosed
    );

    let (near, mut far) = tokio::io::duplex(1 << 16);
    let connect = Client::connect(Target::web_socket_on(near, "ws://game.example/"));
    let serve = async {
        far.read_u8().await.unwrap();
        far.write_all(&refusal(403, "not from here")).await.unwrap();
    };
    let (refused, ()) = soon(async { tokio::join!(connect, serve) }).await;
    assert!(matches!(refused, Err(Error::WebSocket(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn several_packets_in_one_web_socket_message_and_pings_do_no_harm() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let connect = Client::connect(Target::web_socket_on(near, "ws://game.example/"));
    let serve = async {
        answer_upgrade(&mut far, "/").await;
        let mut out = Vec::new();
        encode(Opcode::Ping, b"there?", &mut out);
        let mut packets = a_packet(PacketType::Handshake, REPLY.as_bytes());
        packets.extend(a_push(RouteRef::Name(b"onFirst"), b"1"));
        packets.extend(a_push(RouteRef::Name(b"onSecond"), b"2"));
        encode(Opcode::Binary, &[], &mut out);
        encode(Opcode::Text, &packets, &mut out);
        far.write_all(&out).await.unwrap();
    };
    let (client, ()) = soon(async { tokio::join!(connect, serve) }).await;
    let client = client.unwrap();
    assert_eq!(client.next_push("onFirst").await.unwrap().body, "1");
    assert_eq!(client.next_push("onSecond").await.unwrap().body, "2");
    let mut inbound = Vec::new();
    loop {
        let (opcode, payload) = frame(&mut far, &mut inbound).await.unwrap();
        if opcode == Opcode::Pong {
            assert_eq!(payload, b"there?");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_violation_of_web_socket_is_a_protocol_error() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let connect = Client::connect(Target::web_socket_on(near, "ws://game.example/"));
    let serve = async {
        answer_upgrade(&mut far, "/").await;
        let mut out = Vec::new();
        encode(
            Opcode::Binary,
            &a_packet(PacketType::Handshake, REPLY.as_bytes()),
            &mut out,
        );
        out.extend([0xff; 8]);
        far.write_all(&out).await.unwrap();
    };
    let (client, ()) = soon(async { tokio::join!(connect, serve) }).await;
    let reason = client.unwrap().closed().await;
    assert!(
        matches!(reason, DisconnectReason::Protocol(_)),
        "{reason:?}"
    );
}

/// Reads the request to upgrade and accepts it.
async fn answer_upgrade(io: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) {
    let mut head = Vec::new();
    let response = loop {
        head.push(soon(io.read_u8()).await.unwrap());
        if let Some((request, _)) = parse_upgrade(&head).unwrap() {
            assert_eq!(request.path, path);
            break accept_response(request.key, None);
        }
    };
    io.write_all(&response).await.unwrap();
}

/// The next frame of the client; `None` at the end.
async fn frame(
    io: &mut (impl AsyncRead + Unpin),
    inbound: &mut Vec<u8>,
) -> Option<(Opcode, Vec<u8>)> {
    loop {
        if let Some(header) = decode_header(inbound, MAX_BODY_LEN).unwrap() {
            let end = header.header_len + header.payload_len;
            if let Some(payload) = inbound.get(header.header_len..end) {
                assert!(header.fin, "no server expects fragments");
                let mut payload = payload.to_vec();
                unmask(&mut payload, header.mask, 0);
                inbound.drain(..end);
                return Some((header.opcode, payload));
            }
        }
        if io.read_buf(inbound).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// Accepts an upgrade; gives the server's end of a pipe that carries plain packets, which a task
/// turns into WebSocket messages of one packet each and back.
async fn upgrade<S>(mut io: S, path: &str) -> Server<DuplexStream>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    answer_upgrade(&mut io, path).await;
    let (near, far) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let (mut io_read, mut io_write) = tokio::io::split(io);
        let (mut pipe_read, mut pipe_write) = tokio::io::split(far);
        let inward = async {
            let mut inbound = Vec::new();
            while let Some((opcode, payload)) = frame(&mut io_read, &mut inbound).await {
                if opcode == Opcode::Close {
                    break;
                }
                assert_eq!(opcode, Opcode::Binary);
                packet::decode_exact(&payload, MAX_BODY_LEN).expect("one packet per message");
                if pipe_write.write_all(&payload).await.is_err() {
                    break;
                }
            }
            let _ = pipe_write.shutdown().await;
        };
        let outward = async {
            let mut outbound = Vec::new();
            while pipe_read.read_buf(&mut outbound).await.unwrap() > 0 {
                let mut frames = Vec::new();
                while let Some((_, len)) = packet::decode(&outbound, MAX_BODY_LEN).unwrap() {
                    let packet: Vec<u8> = outbound.drain(..len).collect();
                    encode(Opcode::Binary, &packet, &mut frames);
                }
                if io_write.write_all(&frames).await.is_err() {
                    break;
                }
            }
            let _ = io_write.shutdown().await;
        };
        tokio::join!(inward, outward);
    });
    Server::new(near)
}
