//! A stream of packets: how it is cut, the limit for bodies (one byte, times 8), the stream.
//!
//! The library finds the packets and the error that the model finds, however the stream is cut; what it
//! finds it writes back to the same bytes; and a header is judged as soon as it can be, never otherwise
//! than with more bytes behind it.

use pitaya::protocol::packet::{
    self, HEADER_LEN, PacketError, decode, decode_exact, end_of_stream, peek_header,
};

use crate::input::{Input, pieces};
use crate::model::{self, End};
use crate::vectors::{behind, hex, texts, vectors};

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cuts = input.byte_or_zero();
    let limit = usize::from(input.byte_or_zero()) * 8;
    let stream = input.rest();

    let (expected, end) = model::packets(stream, limit);
    for cuts in [u8::MAX, cuts] {
        let (found, found_end) = read(&pieces(stream, cuts), limit);
        assert_eq!(found, expected, "cut by {cuts}");
        let found_end = found_end.map_or(End::Clean, |error| End::Error(error.to_string()));
        assert_eq!(found_end, end, "cut by {cuts}");
    }

    let mut written = Vec::new();
    for (n, (kind, body)) in expected.iter().enumerate() {
        let kind = packet::PacketType::from_byte(*kind).expect("the model knows types");
        if n % 2 == 0 {
            packet::encode(kind, body, &mut written).expect("it was read");
        } else {
            let mark = packet::begin(kind, &mut written);
            written.extend_from_slice(body);
            packet::finish(mark, &mut written).expect("it was read");
        }
    }
    assert!(stream.starts_with(&written));

    // More bytes never change a judgement, they only make one possible.
    let judged = peek_header(stream, limit);
    for short in 0..stream.len().min(HEADER_LEN) {
        let early = peek_header(&stream[..short], limit);
        assert!(
            early == Ok(None) || early == judged,
            "{early:?}, {judged:?}"
        );
    }

    let exact = decode_exact(stream, limit).map(|found| (found.kind as u8, found.body.to_vec()));
    let expected = model::only_packet(stream, limit);
    assert_eq!(exact.map_err(|error| error.to_string()), expected);
}

/// Reads as a connection does: what comes is put behind what is left over.
fn read(pieces: &[&[u8]], limit: usize) -> (Vec<(u8, Vec<u8>)>, Option<PacketError>) {
    let (mut packets, mut pending) = (Vec::new(), Vec::new());
    for piece in pieces {
        pending.extend_from_slice(piece);
        loop {
            match decode(&pending, limit) {
                Ok(Some((packet, used))) => {
                    assert_eq!(used, HEADER_LEN + packet.body.len());
                    packets.push((packet.kind as u8, packet.body.to_vec()));
                    pending.drain(..used);
                }
                Ok(None) => break,
                Err(error) => return (packets, Some(error)),
            }
        }
        assert!(
            pending.len() < HEADER_LEN + limit,
            "more is kept than one packet"
        );
    }
    (packets, end_of_stream(&pending))
}

/// Every recorded stream, whole connections included.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut streams = texts(&vectors("packets.json"), "wire_hex");
    for row in crate::vectors::rows("exchanges.json", "exchanges") {
        streams.push(texts(&row, "sent_hex").concat());
    }
    let seed = |(n, stream): (usize, &String)| behind(&[n as u8, 255], &hex(stream));
    streams.iter().enumerate().map(seed).collect()
}
