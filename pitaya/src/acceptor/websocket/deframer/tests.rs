//! The deframer against hand-written frames, and against any frames at all.

use super::*;
use crate::protocol::packet;
use proptest::{collection::vec, prelude::*};

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const LIMIT: usize = packet::HEADER_LEN + packet::MAX_BODY_LEN;

/// A client's frame; the first byte as it is sent.
fn frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
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

fn message(payload: &[u8]) -> Vec<u8> {
    frame(FIN | BINARY, [1, 2, 3, 4], payload)
}

fn data_packet(len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let mut out = Vec::new();
    packet::encode(PacketType::Data, &body, &mut out).unwrap();
    out
}

/// Everything that comes out of `wire` when it arrives in these portions.
fn decode(limit: usize, wire: &[u8], mut portion: impl FnMut() -> usize) -> (Vec<u8>, Deframer) {
    let limits = Limits {
        message: limit as u32,
        ..Limits::default()
    };
    let mut deframer = Deframer::new(limits);
    let (mut out, mut rest) = (Vec::new(), wire);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(portion().clamp(1, rest.len()));
        let mut now = now.to_vec();
        let kept = deframer.decode(&mut now);
        out.extend_from_slice(&now[..kept]);
        rest = later;
    }
    (out, deframer)
}

fn at_once(wire: &[u8]) -> (Vec<u8>, Deframer) {
    decode(LIMIT, wire, || usize::MAX)
}

fn check_failure(wire: &[u8], error: impl Into<DeframeError>) {
    let end = Some(End::Failed(error.into()));
    for portion in [1, 2, 5, usize::MAX] {
        let (out, deframer) = decode(LIMIT, wire, || portion);
        assert_eq!(deframer.end(), end, "{wire:02x?} in portions of {portion}");
        // At most a header that was to be refused came out, no packet.
        assert!(out.len() < 4, "{wire:02x?} in portions of {portion}");
    }
}

#[test]
fn lengths_of_all_forms_give_their_packet() {
    for len in [
        0, 1, 120, 121, 122, 123, 251, 252, 65531, 65532, 65535, 70000,
    ] {
        let packet = data_packet(len);
        for portion in [1, 3, 4096, usize::MAX] {
            let (out, deframer) = decode(LIMIT, &message(&packet), || portion);
            assert!(out == packet, "{len} in portions of {portion}");
            assert!(deframer.between_messages());
        }
    }
}

#[test]
fn text_that_is_no_utf8_is_a_packet_like_any_other() {
    let packet = [4, 0, 0, 2, 0xff, 0xfe];
    let (out, deframer) = at_once(&frame(FIN | TEXT, [9; 4], &packet));
    assert_eq!((out.as_slice(), deframer.end()), (&packet[..], None));
}

#[test]
fn fragments_are_joined_around_control_frames() {
    let packet = data_packet(10);
    let wire = [
        frame(BINARY, [1, 2, 3, 4], &packet[..2]),
        frame(FIN | PING, [5, 6, 7, 8], b"first"),
        frame(0, [9, 8, 7, 6], b""),
        frame(0, [9, 8, 7, 6], &packet[2..9]),
        frame(FIN | PONG, [5, 6, 7, 8], b"ignored"),
        frame(FIN | PING, [5, 6, 7, 8], b"second"),
        frame(FIN, [3, 3, 3, 3], &packet[9..]),
    ]
    .concat();
    for portion in [1, 2, 7, usize::MAX] {
        let (out, mut deframer) = decode(LIMIT, &wire, || portion);
        assert_eq!(out, packet);
        assert_eq!(deframer.take_ping().unwrap().bytes(), b"second");
        assert!(deframer.take_ping().is_none());
        assert!(deframer.between_messages());
        assert!(deframer.end().is_none());
    }
}

#[test]
fn a_message_that_is_not_one_packet_is_refused() {
    use PacketError::{InvalidHeader, LessData, MoreData};
    check_failure(&message(b""), InvalidHeader);
    check_failure(&message(b"\x04\0\0"), InvalidHeader);
    check_failure(&message(b"\x04\0\0\x02\xff"), LessData);
    check_failure(&message(b"\x04\0\0\x01\xff\xff"), MoreData);
    check_failure(&message(&[2, 0, 0, 0, 3, 0, 0, 0]), MoreData);
    let one = [4; 4];
    let fragments =
        |parts: [&[u8]; 2]| [frame(BINARY, one, parts[0]), frame(FIN, one, parts[1])].concat();
    check_failure(&fragments([b"\x04", b"\0\0"]), InvalidHeader);
    check_failure(&fragments([b"\x04\0", b"\0\x02\xff"]), LessData);
    check_failure(&fragments([b"\x04\0", b"\0\x01\xff\xff"]), MoreData);
    check_failure(&fragments([b"\x04\0\0\x01\xff\xff", b""]), MoreData);
    // Only the last fragment tells here that the message was too short.
    let (out, deframer) = at_once(&fragments([b"\x04\0\0\x02\xff", b""]));
    assert_eq!(out, b"\x04\0\0\x02\xff");
    assert_eq!(deframer.end(), Some(End::Failed(LessData.into())));
}

#[test]
fn a_wrong_packet_type_is_handed_on_and_ends_it() {
    let (out, deframer) = at_once(&[message(&[6, 0, 0, 0]), message(&[2, 0, 0, 0])].concat());
    assert_eq!(out, [6, 0, 0, 0]);
    let wrong = End::Failed(PacketError::WrongType.into());
    assert_eq!(deframer.end(), Some(wrong));
}

#[test]
fn a_packet_header_is_handed_on_before_its_body() {
    let wire = message(&data_packet(100));
    let (out, _) = at_once(&wire[..wire.len() - 100]);
    assert_eq!(out, [4, 0, 0, 100]);
    // Its length was announced, so the reader of packets can refuse it.
}

#[test]
fn broken_frames_are_refused() {
    let one = [1; 4];
    check_failure(b"\x82\x04\x02\0\0\0", FrameError::NotMasked);
    check_failure(
        &frame(0x40 | FIN | BINARY, one, b""),
        FrameError::ReservedBits,
    );
    check_failure(&frame(FIN | 3, one, b""), FrameError::UnknownOpcode(3));
    check_failure(&frame(PING, one, b""), FrameError::BadControl);
    check_failure(
        &frame(FIN | PING, one, &[0; 126])[..4],
        FrameError::BadControl,
    );
    check_failure(&frame(FIN, one, &[2, 0, 0, 0]), FrameError::BadFragment);
    let twice = [frame(BINARY, one, b""), message(&[2, 0, 0, 0])].concat();
    check_failure(&twice, FrameError::BadFragment);
    check_failure(&frame(FIN | CLOSE, one, b"\x03"), FrameError::BadClose);
    check_failure(&frame(FIN | CLOSE, one, b"\x03\xed"), FrameError::BadClose);
}

#[test]
fn a_giant_message_is_refused_by_its_announcement() {
    let announced = [0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0];
    let error = FrameError::TooLarge {
        size: 1 << 62,
        limit: LIMIT,
    };
    check_failure(&announced, error);
    let (_, deframer) = decode(8, &message(&data_packet(5)), || 2);
    let error = FrameError::TooLarge { size: 9, limit: 8 };
    assert_eq!(deframer.end(), Some(End::Failed(error.into())));
    let (out, deframer) = decode(8, &message(&data_packet(4)), || 2);
    assert_eq!((out.len(), deframer.end()), (8, None));
}

/// A limit for messages is none for control frames, which have 125 bytes.
#[test]
fn a_low_limit_leaves_control_frames_alone() {
    let ping = frame(0x89, [1, 2, 3, 4], &[b'p'; MAX_CONTROL_LEN]);
    let (packets, mut deframer) = decode(16, &ping, || usize::MAX);
    assert_eq!((packets, deframer.end()), (Vec::new(), None));
    let ping = deframer.take_ping().expect("it is answered");
    assert_eq!(ping.bytes(), [b'p'; MAX_CONTROL_LEN]);
    let (_, deframer) = decode(16, &message(&data_packet(17)), || usize::MAX);
    let error = FrameError::TooLarge {
        size: 21,
        limit: 16,
    };
    assert_eq!(deframer.end(), Some(End::Failed(error.into())));
}

#[test]
fn nothing_counts_after_a_close_frame() {
    let beat = message(&packet::HEARTBEAT);
    let close = frame(FIN | CLOSE, [7; 4], b"\x03\xe8bye");
    let wire = [&beat[..], &close, &beat].concat();
    for portion in [1, 4, usize::MAX] {
        let (out, deframer) = decode(LIMIT, &wire, || portion);
        assert_eq!(out, packet::HEARTBEAT);
        assert_eq!(deframer.end(), Some(End::Closed(Some(1000))));
    }
    let (_, deframer) = at_once(&frame(FIN | CLOSE, [7; 4], b""));
    assert_eq!(deframer.end(), Some(End::Closed(None)));
}

/// A message: its body's length, where it is cut, its opcode, and the pings
/// sent before each fragment.
type Sent = (usize, Vec<prop::sample::Index>, bool, [u8; 4], Vec<bool>);

fn sent() -> impl Strategy<Value = Sent> {
    let cuts = vec(any::<prop::sample::Index>(), 0..4);
    let pings = vec(any::<bool>(), 5);
    (0..400usize, cuts, any::<bool>(), any::<[u8; 4]>(), pings)
}

fn wire_of((len, cuts, text, mask, pings): &Sent, out: &mut Vec<u8>) -> Vec<u8> {
    let packet = data_packet(*len);
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(packet.len())).collect();
    ends.push(packet.len());
    ends.sort_unstable();
    let mut start = 0;
    for (n, &end) in ends.iter().enumerate() {
        if pings[n] {
            out.extend(frame(
                FIN | PING,
                *mask,
                &packet[start..end.min(start + 125)],
            ));
        }
        let opcode = match (n, text) {
            (0, true) => TEXT,
            (0, false) => BINARY,
            _ => 0,
        };
        let fin = if n + 1 == ends.len() { FIN } else { 0 };
        out.extend(frame(fin | opcode, *mask, &packet[start..end]));
        start = end;
    }
    packet
}

/// Frames that are almost legal, so that any rule may be reached.
fn wild_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x82, 0x81, 0x02, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => (0..20usize).prop_map(data_packet),
        2 => vec(0..6u8, 0..8),
        1 => vec(any::<u8>(), 0..200),
    ];
    (first, any::<[u8; 4]>(), payload).prop_map(|(first, mask, body)| frame(first, mask, &body))
}

fn whole_packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Ok(Some((_, used))) = packet::decode(bytes, packet::MAX_BODY_LEN) {
        packets.push(bytes[..used].to_vec());
        bytes = &bytes[used..];
    }
    packets
}

proptest! {
    #[test]
    fn any_split_of_the_wire_gives_the_same_packets(
        messages in vec(sent(), 1..6),
        portions in vec(1..80usize, 1..20),
    ) {
        let (mut wire, mut packets) = (Vec::new(), Vec::new());
        for message in &messages {
            packets.extend(wire_of(message, &mut wire));
        }
        let mut portions = portions.iter().cycle();
        let (out, deframer) = decode(LIMIT, &wire, || *portions.next().unwrap());
        prop_assert!(out == packets);
        prop_assert!(deframer.end().is_none());
        prop_assert!(deframer.between_messages());
    }

    #[test]
    fn any_split_of_wild_frames_ends_the_same_way(
        frames in vec(wild_frame(), 1..8),
        portions in vec(1..40usize, 1..20),
    ) {
        let wire = frames.concat();
        let (whole, first) = at_once(&wire);
        let mut portions = portions.iter().cycle();
        let (split, second) = decode(LIMIT, &wire, || *portions.next().unwrap());
        prop_assert_eq!(first.end(), second.end());
        prop_assert_eq!(whole_packets(&whole), whole_packets(&split));
    }

    #[test]
    fn no_bytes_make_it_panic_or_grow(
        wire in vec(any::<u8>(), 0..300),
        portion in 1..50usize,
    ) {
        let (out, _) = decode(LIMIT, &wire, || portion);
        prop_assert!(out.len() <= wire.len());
    }
}
