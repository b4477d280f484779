//! Outbound: cuts a run of packets into WebSocket messages, one for each.
//!
//! Pure, and without a buffer: what a socket refuses stays with the caller, and
//! all this remembers is how far into which frame the socket has come.

use std::io;

use crate::protocol::{PacketError, packet};

/// Where in the stream of frames the socket stands.
///
/// At rest, and between messages, everything is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Framer {
    /// Bytes of the message under way that the socket has not taken yet.
    rest: u32,
    /// Bytes of the next message's frame header that it has taken already. The
    /// header follows from the packet, so the bytes themselves need not be kept.
    header_sent: u8,
}

/// What [`Framer::fill`] has put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// How much of the batch the output stands for.
    pub(super) taken: usize,
    /// The framer as it is when the socket has taken all of the output.
    pub(super) after: Framer,
}

impl Framer {
    /// Whether another frame may start here.
    pub(super) fn between_messages(&self) -> bool {
        *self == Self::default()
    }

    /// How many bytes follow that need no header: they can be written as they are.
    pub(super) fn bare(&self) -> usize {
        self.rest as usize
    }

    /// The framer after `written` of those bytes.
    pub(super) fn after_bare(&self, written: usize) -> Self {
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        Self {
            rest: self.rest.saturating_sub(written),
            ..*self
        }
    }

    /// Appends frames for the start of `batch`, until `out` has grown to about
    /// `limit` bytes.
    ///
    /// # Errors
    /// `batch` does not go on with the message under way, or has no packet
    /// header where a packet must start.
    pub(super) fn fill(&self, batch: &[u8], limit: usize, out: &mut Vec<u8>) -> io::Result<Filled> {
        let mut rest_of_batch = batch;
        let mut after = *self;
        while !rest_of_batch.is_empty() && out.len() < limit {
            if after.rest == 0 {
                let message = message_len(rest_of_batch)?;
                let (header, len) = frame_header(message);
                let header = header.get(..len).unwrap_or_default();
                out.extend_from_slice(header.get(after.header_sent.into()..).unwrap_or_default());
                after = Self {
                    rest: message,
                    header_sent: 0,
                };
            }
            let room = limit.saturating_sub(out.len());
            let now = rest_of_batch.len().min(after.bare()).min(room);
            let (payload, following) = rest_of_batch.split_at(now);
            out.extend_from_slice(payload);
            after = after.after_bare(now);
            rest_of_batch = following;
        }
        Ok(Filled {
            taken: batch.len() - rest_of_batch.len(),
            after,
        })
    }

    /// Goes forward by `written` bytes of the output that [`fill`](Self::fill)
    /// made of `batch`; returns how many bytes of the batch that is.
    pub(super) fn advance(&mut self, batch: &[u8], mut written: usize) -> io::Result<usize> {
        let mut taken = 0;
        while written > 0 {
            if self.rest == 0 {
                let message = message_len(batch.get(taken..).unwrap_or_default())?;
                let (_, len) = frame_header(message);
                let missing = len.saturating_sub(self.header_sent.into());
                if written < missing {
                    // At most 9, because a header has at most 10 bytes.
                    self.header_sent += u8::try_from(written).unwrap_or_default();
                    return Ok(taken);
                }
                written -= missing;
                *self = Self {
                    rest: message,
                    header_sent: 0,
                };
            }
            let now = written.min(self.bare());
            *self = self.after_bare(now);
            written -= now;
            taken += now;
        }
        Ok(taken)
    }
}

/// The length of the message that carries the packet at the start of `batch`.
fn message_len(batch: &[u8]) -> io::Result<u32> {
    let Some(&[_, high, middle, low]) = batch.first_chunk::<{ packet::HEADER_LEN }>() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            PacketError::InvalidHeader,
        ));
    };
    Ok(u32::from_be_bytes([0, high, middle, low]) + packet::HEADER_LEN as u32)
}

/// The header of an unfragmented, unmasked binary frame, and its length.
fn frame_header(message: u32) -> ([u8; 10], usize) {
    const FINAL_BINARY: u8 = 0x82;
    let [a, b, c, d] = message.to_be_bytes();
    match message {
        0..=125 => ([FINAL_BINARY, d, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        126..=0xffff => ([FINAL_BINARY, 126, c, d, 0, 0, 0, 0, 0, 0], 4),
        _ => ([FINAL_BINARY, 127, 0, 0, 0, 0, a, b, c, d], 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PacketType;

    const ALL: usize = usize::MAX;

    fn packets(bodies: &[usize]) -> Vec<u8> {
        let mut batch = Vec::new();
        for (n, &len) in bodies.iter().enumerate() {
            let body = vec![n as u8; len];
            packet::encode(PacketType::Data, &body, &mut batch).unwrap();
        }
        batch
    }

    /// The frames the RFC asks for, written down separately.
    fn expected(bodies: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for (n, &len) in bodies.iter().enumerate() {
            let total = len + 4;
            out.push(0x82);
            if total < 126 {
                out.push(total as u8);
            } else if total < 65536 {
                out.push(126);
                out.extend_from_slice(&(total as u16).to_be_bytes());
            } else {
                out.push(127);
                out.extend_from_slice(&(total as u64).to_be_bytes());
            }
            packet::encode(PacketType::Data, &vec![n as u8; len], &mut out).unwrap();
        }
        out
    }

    const LENGTHS: &[usize] = &[0, 1, 121, 122, 123, 65531, 65532, 5, 0];

    #[test]
    fn each_packet_becomes_one_final_binary_frame() {
        let mut out = Vec::new();
        let filled = Framer::default()
            .fill(&packets(LENGTHS), ALL, &mut out)
            .unwrap();
        assert!(out == expected(LENGTHS));
        assert_eq!(filled.taken, packets(LENGTHS).len());
        assert!(filled.after.between_messages());
    }

    #[test]
    fn a_socket_that_takes_little_gets_the_same_bytes() {
        let batch = packets(LENGTHS);
        for limit in [1, 2, 3, 7, 100, 4096] {
            for step in [1, 2, 3, 5, 11, 4000] {
                let (mut framer, mut at, mut wire) = (Framer::default(), 0, Vec::new());
                while at < batch.len() {
                    let mut out = Vec::new();
                    let filled = framer.fill(&batch[at..], limit, &mut out).unwrap();
                    let written = out.len().min(step);
                    let before = framer;
                    let taken = framer.advance(&batch[at..], written).unwrap();
                    if written == out.len() {
                        assert_eq!((taken, framer), (filled.taken, filled.after));
                    }
                    assert!(written > 0 && (taken > 0 || framer != before));
                    wire.extend_from_slice(&out[..written]);
                    at += taken;
                }
                assert!(wire == expected(LENGTHS), "limit {limit}, step {step}");
                assert!(framer.between_messages());
            }
        }
    }

    #[test]
    fn a_batch_may_end_inside_a_body_but_not_inside_a_header() {
        let batch = packets(&[10, 10]);
        let mut out = Vec::new();
        let filled = Framer::default().fill(&batch[..9], ALL, &mut out).unwrap();
        assert_eq!((filled.taken, filled.after.bare()), (9, 5));
        let filled = filled.after.fill(&batch[9..], ALL, &mut out).unwrap();
        assert_eq!((filled.taken, out), (19, expected(&[10, 10])));

        let cut = Framer::default().fill(&batch[..3], ALL, &mut Vec::new());
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
