//! What is too large, too long or too deep.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pitaya::protocol::packet::PacketType;
use standalone_tests::websocket::{BINARY, CONTINUATION, WsClient};
use standalone_tests::{RawClient, packet_of};
use tokio::io::AsyncWriteExt;

use crate::world::{Door, UPGRADE, World, close_code, rest_of};

const MIB: usize = 1024 * 1024;

/// Closed by their headers: none of the megabytes is waited for.
pub(crate) async fn giant_packets(world: &World) {
    for header in [[1, 0xff, 0xff, 0xff], [4, 0, 0x40, 1]] {
        assert_eq!(world.send(Door::Tcp, &header).await, b"");
    }
    for header in [
        [1, 0xff, 0xff, 0xff],
        [3, 0xff, 0xff, 0xff],
        [4, 0x10, 0, 1],
    ] {
        let mut client = world.client().await;
        client.write(&header).await;
        assert_eq!(client.rest().await, []);
    }
}

/// As large as is allowed, but for its last byte.
pub(crate) async fn endless_packet(world: &World) {
    let mut client = world.client().await;
    client.write(&[4, 0x10, 0, 0]).await;
    client.write(&vec![0; MIB - 1]).await;
    world.seconds(10).await;
    assert_eq!(client.rest().await.len(), 2, "two heartbeats");
}

pub(crate) async fn large_handshake(world: &World) {
    let mut hello = br#"{"user":{"token":""#.to_vec();
    hello.resize(10 * MIB, b'x');
    hello.extend(br#""}}"#);
    let packet = packet_of(PacketType::Handshake, &hello);
    assert_eq!(world.send(Door::Tcp, &packet).await, b"");
}

pub(crate) async fn deep_handshake(world: &World) {
    let mut hello = br#"{"user":{"a":"#.to_vec();
    hello.extend([b'['; 10_000]);
    let mut client = RawClient::over(world.connect(Door::Tcp).await);
    client.send(PacketType::Handshake, &hello).await;
    let rest = client.rest().await;
    assert!(rest[0].1.starts_with(br#"{"code":400,"#), "{rest:?}");
}

pub(crate) async fn deep_body(world: &World) {
    let mut client = world.client().await;
    let objects = br#"{"a":"#.repeat(10_000);
    for (id, body) in [(1, &b"[".repeat(10_000)), (2, &objects)] {
        let answer = client.call(id, "game.typed", body).await;
        assert!(
            answer.error && answer.text().contains("PIT-400"),
            "{answer:?}"
        );
    }
    let key = "pitaya_handler_response_time_ns{route=connector.game.typed,status=failed,type=handler,code=PIT-400}";
    assert!(world.book.samples(key).len() >= 2, "they are counted");
    let answer = client.call(3, "game.echo", b"still here").await;
    assert_eq!(answer.text(), "still here");
}

/// A hundred kilobytes that are 32 MiB: to a handler, to nobody, and as what only servers send.
pub(crate) async fn deflate_bombs(world: &World) {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..32 {
        encoder.write_all(&vec![0; MIB]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    for head in [
        &b"\x10\x01\x09game.echo"[..],
        b"\x10\x01\x09game.none",
        b"\x12\x09game.note",
        b"\x14\x01",
        b"\x16\x01x",
    ] {
        let mut client = world.client().await;
        client.send(PacketType::Data, &[head, &bomb].concat()).await;
        assert_eq!(client.rest().await, []);
    }
}

/// Marked as compressed and no stream at all, one that is cut off, one with a wrong sum, and bytes
/// that copy from before the start.
pub(crate) async fn deflate_garbage(world: &World) {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"a body that was compressed").unwrap();
    let good = encoder.finish().unwrap();
    let mut wrong_sum = good.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    for body in [
        &b"\x78\x9c\xff\xff\xff\xff"[..],
        &good[..good.len() / 2],
        &wrong_sum,
        b"\x78\x9c\x03\x82\x00\x00",
    ] {
        let message = [&b"\x10\x01\x09game.echo"[..], body].concat();
        let mut client = world.client().await;
        client.send(PacketType::Data, &message).await;
        assert_eq!(client.rest().await, [], "{body:?}");
    }
}

pub(crate) async fn header_flood(world: &World) {
    let line_end = UPGRADE.len() - 2;
    for flood in ["X: y\r\n".repeat(65), "X: y\r\n".repeat(100_000)] {
        let request = [&UPGRADE[..line_end], &flood, "\r\n"].concat();
        let mut socket = world.connect(Door::WebSocket).await;
        // The server reads on for a while, so that its answer is not lost.
        let _ = socket.write_all(request.as_bytes()).await;
        world.second().await;
        let answer = rest_of(&mut socket).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "),
            "{answer:?}"
        );
    }
}

pub(crate) async fn endless_header(world: &World) {
    for start in ["GET /", "GET / HTTP/1.1\r\nX: "] {
        let mut socket = world.connect(Door::WebSocket).await;
        socket.write_all(start.as_bytes()).await.unwrap();
        socket.write_all(&[b'x'; 8 * 1024]).await.unwrap();
        let answer = rest_of(&mut socket).await;
        assert!(answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
    }
}

/// Closed by what their headers announce.
pub(crate) async fn giant_frames(world: &World) {
    for len in [17 * MIB as u64, 1 << 40, u64::MAX] {
        let announced = [&[0x82, 0xff][..], &len.to_be_bytes()].concat();
        assert_eq!(world.send_frames(&announced).await, 1009);
    }
}

/// Empty parts of a message that never ends: they take nothing, and are no sign of life.
pub(crate) async fn endless_fragments(world: &World) {
    let mut client = world.websocket().await;
    client.send_frame(false, BINARY, b"\x04\0\0\x09").await;
    let parts = b"\x00\x80\x01\x02\x03\x04".repeat(1000);
    for _ in 0..10 {
        let _ = client.socket.write_all(&parts).await;
        world.second().await;
    }
    assert_eq!(
        client.rest().await.len(),
        3,
        "two heartbeats and the close frame"
    );
}

pub(crate) async fn large_message(world: &World) {
    let mut socket = world.connect(Door::Strict).await;
    socket.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut client = WsClient::upgraded(socket).await;
    client.shake_hands().await;
    // Each part is small enough, and the packet that it claims to be, too.
    client.send_frame(false, BINARY, b"\x04\x00\xff\xff").await;
    for _ in 0..5 {
        client.send_frame(false, CONTINUATION, &[0; 4096]).await;
    }
    assert_eq!(close_code(&mut client).await, 1009);
}
