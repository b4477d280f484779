//! RFC 6455 as a table: what a client may send and must not (5, 5.5, 7), what the reader of packets
//! gets of it, and what the client is answered.
//!
//! Every row goes through a whole connection, in one piece and byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::WsIo;
use super::deframer::Limits;
use crate::protocol::{PacketType, packet};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const LIMITS: Limits = Limits {
    message: 140_000,
    frame: 70_000,
};

/// A packet of this many bytes.
fn packet(len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len - packet::HEADER_LEN).map(|n| n as u8).collect();
    let mut out = Vec::new();
    packet::encode(PacketType::Data, &body, &mut out).unwrap();
    out
}

/// A frame with its length in this form: 7, 16 or 64 bits.
fn form(bits: u8, first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let (mut out, len) = (vec![first], payload.len() as u64);
    match bits {
        7 => out.push(0x80 | len as u8),
        16 => out.extend([&[0x80 | 126][..], &(len as u16).to_be_bytes()].concat()),
        _ => out.extend([&[0x80 | 127][..], &len.to_be_bytes()].concat()),
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    out
}

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let bits = match payload.len() {
        0..126 => 7,
        126..65536 => 16,
        _ => 64,
    };
    form(bits, first, [0x37, 0xfa, 0x21, 0x3d], payload)
}

/// The close frame that a server sends.
fn close(code: u16) -> Vec<u8> {
    [&[FIN | CLOSE, 2][..], &code.to_be_bytes()].concat()
}

/// A close frame of a client.
fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

/// What becomes of what was sent.
enum Outcome {
    /// Its packets are read, and the connection goes on.
    Reads(Vec<u8>),
    /// It is answered with this frame, and the connection goes on.
    Answers(Vec<u8>),
    /// The client has ended the connection, and is answered with this frame.
    Closes(Vec<u8>),
    /// The connection ends, and the client is told this code.
    Fails(u16),
}
use Outcome::{Answers, Closes, Fails, Reads};

/// What a connection gave its reader, how its input ended, and what it wrote.
async fn served(sent: &[u8], portion: usize) -> (Vec<u8>, bool, Vec<u8>) {
    let (mut client, server) = duplex(sent.len().max(1));
    let mut io = WsIo::new(server, Vec::new(), LIMITS);
    let talk = async {
        for part in sent.chunks(portion) {
            // Whoever is closed cannot send the rest.
            let _ = client.write_all(part).await;
            tokio::task::yield_now().await;
        }
        let _ = client.shutdown().await;
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        answers
    };
    let serve = async {
        let mut read = Vec::new();
        let fine = io.read_to_end(&mut read).await.is_ok();
        io.shutdown().await.unwrap();
        drop(io);
        (read, fine)
    };
    let (answers, (read, fine)) = tokio::join!(talk, serve);
    (read, fine, answers)
}

/// Sends each row between two heartbeats: before it the connection lived, behind it it may.
#[track_caller]
fn check(rule: &str, rows: impl IntoIterator<Item = (Vec<u8>, Outcome)>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let beat = frame(FIN | BINARY, &packet::HEARTBEAT);
    for (n, (row, outcome)) in rows.into_iter().enumerate() {
        let sent = [&beat[..], &row, &beat].concat();
        let beats = |between: &[u8]| [&packet::HEARTBEAT, between, &packet::HEARTBEAT].concat();
        let (packets, fine, answers) = match &outcome {
            Reads(packets) => (beats(packets), true, close(1000)),
            Answers(frame) => (beats(&[]), true, [&frame[..], &close(1000)].concat()),
            Closes(frame) => (packet::HEARTBEAT.to_vec(), true, frame.clone()),
            Fails(code) => (packet::HEARTBEAT.to_vec(), false, close(*code)),
        };
        for portion in [usize::MAX, 1] {
            let found = runtime.block_on(served(&sent, portion));
            let name = format!("{rule}, row {n} in portions of {portion}");
            assert!(found.0.starts_with(&packets), "{name}: {:?}", found.0);
            // Of a message that is never whole the start may have been read by then.
            if matches!(outcome, Reads(_) | Answers(_)) {
                assert_eq!(found.0.len(), packets.len(), "{name}");
            }
            assert_eq!((found.1, found.2), (fine, answers.clone()), "{name}");
        }
    }
}

#[test]
fn opcodes() {
    let data = packet(20);
    let mut rows = vec![
        (frame(FIN | TEXT, &data), Reads(data.clone())),
        (frame(FIN | BINARY, &data), Reads(data.clone())),
        // Text is not looked at: one client sends packets as text.
        (
            frame(FIN | TEXT, b"\x04\0\0\x02\xff\xfe"),
            Reads(b"\x04\0\0\x02\xff\xfe".to_vec()),
        ),
        (frame(FIN | CONTINUATION, &data), Fails(1002)),
        (frame(FIN | CLOSE, b""), Closes(vec![FIN | CLOSE, 0])),
        (frame(FIN | PING, b""), Answers(vec![FIN | PONG, 0])),
        (frame(FIN | PONG, b""), Reads(Vec::new())),
    ];
    for reserved in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        rows.push((frame(FIN | reserved, b""), Fails(1002)));
        rows.push((frame(reserved, b""), Fails(1002)));
    }
    check("opcodes (5.2)", rows);
}

#[test]
fn reserved_bits() {
    let opcodes = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG];
    let rows = [0x40, 0x20, 0x10, 0x70].into_iter().flat_map(|bits| {
        opcodes.map(|opcode| (frame(FIN | bits | opcode, &packet::HEARTBEAT), Fails(1002)))
    });
    check("reserved bits without an extension (5.2)", rows);
}

#[test]
fn masks() {
    let data = packet(21);
    let masks = [[0; 4], [0xff; 4], [1, 2, 3, 4], [0, 0, 0, 1]];
    let masked = masks.map(|mask| (form(7, FIN | BINARY, mask, &data), Reads(data.clone())));
    check("any mask (5.3)", masked);
    let wrong = frame(FIN | BINARY, &data);
    let mut wrong_mask = wrong.clone();
    // The packet's type is another one then.
    wrong_mask[2] ^= 0x80;
    check(
        "another mask than the payload's (5.3)",
        [(wrong_mask, Fails(1002))],
    );
    let opcodes = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG];
    let bare = opcodes.map(|opcode| {
        (
            [&[FIN | opcode, 4][..], &packet::HEARTBEAT].concat(),
            Fails(1002),
        )
    });
    check("no mask (5.1)", bare);
}

#[test]
fn lengths() {
    let row = |bits, len| {
        let data = packet(len);
        (form(bits, FIN | BINARY, [9, 8, 7, 6], &data), Reads(data))
    };
    let shortest = [
        (7, 4),
        (7, 125),
        (16, 126),
        (16, 65_535),
        (64, 65_536),
        (64, 70_000),
    ];
    check(
        "lengths in their shortest form (5.2)",
        shortest.map(|(bits, len)| row(bits, len)),
    );
    // A client must not, but nothing becomes unclear by it, and the original lets it pass.
    let longer = [(16, 4), (16, 125), (64, 4), (64, 126), (64, 65_535)];
    check(
        "lengths in a longer form (5.2)",
        longer.map(|(bits, len)| row(bits, len)),
    );
    let announced = |len: u64| [&[FIN | BINARY, 0x80 | 127][..], &len.to_be_bytes()].concat();
    check(
        "lengths over the limit, by their announcement (10.4)",
        [70_001, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX]
            .map(|len| (announced(len), Fails(1009))),
    );
    check(
        "messages are one whole packet each (client protocol, 1.3)",
        [
            (frame(FIN | BINARY, b""), Fails(1002)),
            (frame(FIN | BINARY, b"\x04\0\0"), Fails(1002)),
            (frame(FIN | BINARY, b"\x04\0\0\x05\x00"), Fails(1002)),
            (
                frame(FIN | BINARY, &packet::HEARTBEAT.repeat(2)),
                Fails(1002),
            ),
        ],
    );
}

#[test]
fn fragments() {
    let (data, large) = (packet(20), packet(140_000));
    let parts = |parts: &[(u8, &[u8])]| -> Vec<u8> {
        parts
            .iter()
            .flat_map(|(first, payload)| frame(*first, payload))
            .collect()
    };
    let (head, tail) = data.split_at(9);
    let one_by_one: Vec<_> = data.iter().map(std::slice::from_ref).collect();
    let last = one_by_one.len() - 1;
    let one_by_one = one_by_one
        .into_iter()
        .enumerate()
        .flat_map(|(n, byte)| match n {
            0 => frame(BINARY, byte),
            n if n == last => frame(FIN, byte),
            _ => frame(CONTINUATION, byte),
        });
    let good = [
        parts(&[(BINARY, head), (FIN, tail)]),
        parts(&[(TEXT, head), (FIN, tail)]),
        parts(&[(BINARY, b""), (CONTINUATION, b""), (FIN, &data)]),
        parts(&[(BINARY, &data), (CONTINUATION, b""), (FIN, b"")]),
        parts(&[(BINARY, head), (FIN | PONG, b"unasked"), (FIN, tail)]),
        one_by_one.collect(),
    ];
    check(
        "a message in parts (5.4)",
        good.map(|sent| (sent, Reads(data.clone()))),
    );
    let halves = parts(&[(BINARY, &large[..70_000]), (FIN, &large[70_000..])]);
    check(
        "each part has the limit of a frame",
        [(halves, Reads(large.clone()))],
    );
    check(
        "parts out of place (5.4)",
        [
            (parts(&[(FIN, head)]), Fails(1002)),
            (parts(&[(CONTINUATION, head)]), Fails(1002)),
            (parts(&[(BINARY, head), (FIN | BINARY, tail)]), Fails(1002)),
            (parts(&[(BINARY, head), (TEXT, tail)]), Fails(1002)),
            (
                parts(&[(BINARY, head), (FIN, tail), (FIN, b"")]),
                Fails(1002),
            ),
            (parts(&[(BINARY, head), (FIN, b"")]), Fails(1002)),
            (
                parts(&[(BINARY, head), (FIN, tail), (FIN, tail)]),
                Fails(1002),
            ),
        ],
    );
}

#[test]
fn control_frames() {
    let pong = |payload: &[u8]| Answers([&[FIN | PONG, payload.len() as u8], payload].concat());
    check(
        "ping and pong (5.5.2, 5.5.3)",
        [
            (frame(FIN | PING, b"hello"), pong(b"hello")),
            (frame(FIN | PING, b"\xff\x00\xfe"), pong(b"\xff\x00\xfe")),
            (frame(FIN | PING, &[7; 125]), pong(&[7; 125])),
            (frame(FIN | PONG, &[7; 125]), Reads(Vec::new())),
        ],
    );
    let mut bad = Vec::new();
    for opcode in [CLOSE, PING, PONG] {
        bad.push((frame(opcode, b""), Fails(1002)));
        bad.push((frame(FIN | opcode, &[0; 126]), Fails(1002)));
        bad.push((form(16, FIN | opcode, [0; 4], b"\x03\xe8"), Fails(1002)));
        bad.push((form(64, FIN | opcode, [0; 4], b"\x03\xe8"), Fails(1002)));
    }
    check("in parts, or over 125 bytes (5.5)", bad);
}

#[test]
fn close_frames() {
    let good = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ];
    let good = good.into_iter().chain([3000, 3999, 4000, 4999]);
    let with_reason = "Auf Wiedersehen, Grüße".as_bytes();
    let rows = good.flat_map(|code| {
        [b"", with_reason].map(|reason| (closing(code, reason), Closes(close(code))))
    });
    check("codes that may be sent come back (7.4)", rows);
    let bad = [
        0,
        1,
        999,
        1004,
        1005,
        1006,
        1015,
        1016,
        1999,
        2000,
        2999,
        5000,
        u16::MAX,
    ];
    check(
        "codes that must not be sent (7.4)",
        bad.map(|code| (closing(code, b""), Fails(1002))),
    );
    let inside = [frame(BINARY, &packet(20)[..3]), closing(1001, b"")].concat();
    check(
        "other close frames (5.5.1)",
        [
            (frame(FIN | CLOSE, b""), Closes(vec![FIN | CLOSE, 0])),
            (frame(FIN | CLOSE, b"\x03"), Fails(1002)),
            (closing(1000, &[b'x'; 123]), Closes(close(1000))),
            (closing(1000, b"\xff"), Fails(1007)),
            (
                closing(1000, &with_reason[..with_reason.len() - 4]),
                Fails(1007),
            ),
            (inside, Closes(close(1001))),
            // Nothing behind it counts.
            (
                [closing(1000, b""), frame(FIN | PING, b"x")].concat(),
                Closes(close(1000)),
            ),
            (
                [closing(1000, b""), closing(1002, b"")].concat(),
                Closes(close(1000)),
            ),
            (
                [closing(1000, b""), frame(FIN | 3, b"")].concat(),
                Closes(close(1000)),
            ),
        ],
    );
}
