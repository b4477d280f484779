//! Against the framing of WebSocket. `pitaya/src/acceptor/websocket/cases.rs` has all of its rules.

use standalone_tests::websocket::{BINARY, CLOSE};
use tokio::io::AsyncWriteExt;

use crate::world::World;

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    // A mask of zeros is one.
    [
        &[first, 0x80 | payload.len() as u8, 0, 0, 0, 0][..],
        payload,
    ]
    .concat()
}

pub(crate) async fn no_mask(world: &World) {
    for opcode in [0, 1, 2, 8, 9, 10] {
        assert_eq!(
            world.send_frames(&[0x80 | opcode, 4, 3, 0, 0, 0]).await,
            1002
        );
    }
}

/// The payload is masked with something else than the frame says: what comes out is no packet.
pub(crate) async fn wrong_masks(world: &World) {
    for mask in [[0x80, 0, 0, 0], [0xff; 4], [8, 0, 0, 0]] {
        let frame = [&[0x82, 0x84][..], &mask, &[3, 0, 0, 0]].concat();
        assert_eq!(world.send_frames(&frame).await, 1002);
    }
}

pub(crate) async fn opcodes(world: &World) {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(world.send_frames(&frame(0x80 | opcode, b"")).await, 1002);
    }
    // Reserved bits of known ones, and a part of no message.
    for first in [0xc2, 0xa2, 0x92, 0x80] {
        assert_eq!(world.send_frames(&frame(first, b"\x03\0\0\0")).await, 1002);
    }
}

pub(crate) async fn fragmented_control(world: &World) {
    for opcode in [8, 9, 10] {
        assert_eq!(world.send_frames(&frame(opcode, b"")).await, 1002);
    }
}

pub(crate) async fn long_control(world: &World) {
    for opcode in [8, 9, 10] {
        assert_eq!(
            world.send_frames(&[0x80 | opcode, 0xfe, 0, 126]).await,
            1002
        );
    }
}

pub(crate) async fn close_codes(world: &World) {
    for (payload, answer) in [
        (&b"\x03"[..], 1002),
        (b"\0\0", 1002),
        (b"\x03\xed", 1002),
        (b"\x03\xee", 1002),
        (b"\xff\xff", 1002),
        (b"\x03\xe8\xff\xfe", 1007),
    ] {
        assert_eq!(
            world.send_frames(&frame(0x80 | CLOSE, payload)).await,
            answer
        );
    }
}

/// Whoever pings and does not read is answered once for many, and is served when it reads.
pub(crate) async fn pings(world: &World) {
    let mut client = world.websocket().await;
    let pings = frame(0x89, &[b'p'; 125]).repeat(100);
    for _ in 0..200 {
        client.socket.write_all(&pings).await.unwrap();
        world.all_play().await;
    }
    let request = standalone_tests::request(1, "game.echo", b"fine");
    client.send(BINARY, &request).await;
    let mut pongs = 0;
    let answer = loop {
        match client.frame().await.expect("the server goes on") {
            frame if frame.opcode == 10 => pongs += 1,
            frame => break frame,
        }
    };
    assert!(answer.payload.ends_with(b"fine"), "{answer:?}");
    assert!(pongs > 0);
    client.send(CLOSE, b"\x03\xe8").await;
    client.rest().await;
}
