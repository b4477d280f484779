//! Packet framing: one type byte, a 24-bit big-endian body length, the body.
//!
//! This is the outermost layer of a TCP stream and the whole content of a
//! WebSocket message. It must never allocate, never look inside a body and
//! never wait for more bytes than it needs to refuse a peer: a TLS hello or an
//! HTTP request on a game port is recognised by its first byte, because
//! clients that probe the port wait for the close.

use thiserror::Error;

/// Length of a packet header in bytes.
pub const HEADER_LEN: usize = 4;

/// The largest body, in bytes, whose length a header can hold.
///
/// The original encoder also lets a body of exactly 2^24 bytes through, with a
/// header that says 0; that is a bug nobody can rely on and is not reproduced.
pub const MAX_BODY_LEN: usize = (1 << 24) - 1;

/// A complete heartbeat packet.
pub const HEARTBEAT: [u8; HEADER_LEN] = [PacketType::Heartbeat as u8, 0, 0, 0];

/// A complete kick packet. Kicks carry no reason.
pub const KICK: [u8; HEADER_LEN] = [PacketType::Kick as u8, 0, 0, 0];

/// A complete handshake acknowledgement, as clients send it.
pub const HANDSHAKE_ACK: [u8; HEADER_LEN] = [PacketType::HandshakeAck as u8, 0, 0, 0];

/// What a packet is for (client protocol 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Connection parameters as JSON, in both directions.
    Handshake = 1,
    /// The client has understood the handshake and is ready for data.
    HandshakeAck = 2,
    /// Keeps a connection alive; any body is ignored.
    Heartbeat = 3,
    /// One message, see [`message`](super::message).
    Data = 4,
    /// The server ends the connection on purpose; ignored when a client sends it.
    Kick = 5,
}

impl PacketType {
    /// The type a header byte stands for, `None` for 0 and everything over 5.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Handshake),
            2 => Some(Self::HandshakeAck),
            3 => Some(Self::Heartbeat),
            4 => Some(Self::Data),
            5 => Some(Self::Kick),
            _ => None,
        }
    }
}

/// One packet, borrowed from the bytes it was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The packet's type.
    pub kind: PacketType,
    /// The body without the header; may be empty for every type.
    pub body: &'a [u8],
}

/// Why bytes are no packet, or a body cannot become one.
///
/// None of these is ever sent to a peer: the connection is closed without a
/// reply. The texts are those of the original framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PacketError {
    /// The stream or the WebSocket message ended inside a header.
    #[error("invalid header")]
    InvalidHeader,
    /// The type byte is 0 or over 5.
    #[error("wrong packet type")]
    WrongType,
    /// The body is too long for the 24-bit length field.
    #[error("codec: packet size exceed")]
    SizeExceeded,
    /// The header announces a body over the limit this server has set.
    #[error("packet body of {size} bytes is larger than the limit of {limit} bytes")]
    OverLimit {
        /// Body length the header announces, in bytes.
        size: usize,
        /// The configured limit, in bytes.
        limit: usize,
    },
    /// The stream or the WebSocket message ended inside a body.
    #[error("received less data than expected, EOF?")]
    LessData,
    /// A WebSocket message holds more than its one packet.
    #[error("received more data than expected")]
    MoreData,
}

/// Reads a header: the packet's type and its total length, header included.
///
/// `None` means that fewer than [`HEADER_LEN`] bytes are there. A wrong type is
/// refused as soon as one byte is there, a body over `max_body` as soon as
/// four are.
///
/// # Errors
/// [`PacketError::WrongType`], [`PacketError::OverLimit`].
#[inline]
pub fn peek_header(
    input: &[u8],
    max_body: usize,
) -> Result<Option<(PacketType, usize)>, PacketError> {
    let Some(&first) = input.first() else {
        return Ok(None);
    };
    let Some(kind) = PacketType::from_byte(first) else {
        return Err(PacketError::WrongType);
    };
    let Some(&[_, high, middle, low]) = input.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([0, high, middle, low]) as usize;
    if size > max_body {
        return Err(PacketError::OverLimit {
            size,
            limit: max_body,
        });
    }
    Ok(Some((kind, HEADER_LEN + size)))
}

/// Takes the first packet off a stream: the packet and the number of bytes it
/// used. `None` means that more bytes are needed.
///
/// # Errors
/// As [`peek_header`]; the stream cannot be read further.
#[inline]
pub fn decode(input: &[u8], max_body: usize) -> Result<Option<(Packet<'_>, usize)>, PacketError> {
    let Some((kind, total)) = peek_header(input, max_body)? else {
        return Ok(None);
    };
    Ok(input
        .get(HEADER_LEN..total)
        .map(|body| (Packet { kind, body }, total)))
}

/// Decodes a WebSocket message, which holds exactly one packet.
///
/// # Errors
/// [`PacketError::InvalidHeader`] under four bytes, [`PacketError::LessData`]
/// and [`PacketError::MoreData`] when the header's length is not that of the
/// message, else as [`peek_header`].
pub fn decode_exact(message: &[u8], max_body: usize) -> Result<Packet<'_>, PacketError> {
    if message.len() < HEADER_LEN {
        return Err(PacketError::InvalidHeader);
    }
    match decode(message, max_body)? {
        None => Err(PacketError::LessData),
        Some((packet, used)) if used == message.len() => Ok(packet),
        Some(_) => Err(PacketError::MoreData),
    }
}

/// Judges what is left over when a stream ends: nothing is a clean end
/// (`None`), anything else is a packet cut short.
pub fn end_of_stream(rest: &[u8]) -> Option<PacketError> {
    match rest.len() {
        0 => None,
        1..HEADER_LEN => Some(PacketError::InvalidHeader),
        _ => Some(PacketError::LessData),
    }
}

/// Appends a whole packet.
///
/// # Errors
/// [`PacketError::SizeExceeded`] for a body over [`MAX_BODY_LEN`]; `out` is
/// unchanged then.
#[inline]
pub fn encode(kind: PacketType, body: &[u8], out: &mut Vec<u8>) -> Result<(), PacketError> {
    let header = header(kind, body.len())?;
    out.reserve(HEADER_LEN + body.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(body);
    Ok(())
}

/// The header for a body of `len` bytes.
///
/// # Errors
/// [`PacketError::SizeExceeded`] for a length over [`MAX_BODY_LEN`].
#[inline]
pub fn header(kind: PacketType, len: usize) -> Result<[u8; HEADER_LEN], PacketError> {
    match u32::try_from(len).map(u32::to_be_bytes) {
        Ok([0, high, middle, low]) => Ok([kind as u8, high, middle, low]),
        _ => Err(PacketError::SizeExceeded),
    }
}

/// Where a packet that is still being written starts; see [`begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the packet has no length until `finish` is called"]
pub struct Mark(usize);

impl Mark {
    /// Offset of the packet's first byte in the buffer.
    pub const fn position(self) -> usize {
        self.0
    }
}

/// Starts a packet whose body is then appended to `out` directly, so that a
/// message is written once. End it with [`finish`], or drop it with
/// `out.truncate(mark.position())`.
#[inline]
pub fn begin(kind: PacketType, out: &mut Vec<u8>) -> Mark {
    let mark = Mark(out.len());
    out.extend_from_slice(&[kind as u8, 0, 0, 0]);
    mark
}

/// Writes the length of everything appended since [`begin`] into the header.
///
/// # Errors
/// [`PacketError::SizeExceeded`] for a body over [`MAX_BODY_LEN`], and
/// [`PacketError::InvalidHeader`] when `out` no longer holds the header; `out`
/// is cut back to the mark in both cases.
#[inline]
pub fn finish(mark: Mark, out: &mut Vec<u8>) -> Result<(), PacketError> {
    let started = out
        .get_mut(mark.0..)
        .and_then(<[u8]>::split_first_chunk_mut::<HEADER_LEN>);
    let error = match started {
        Some((header, body)) => match u32::try_from(body.len()).map(u32::to_be_bytes) {
            Ok([0, high, middle, low]) => {
                let [_, h, m, l] = header;
                (*h, *m, *l) = (high, middle, low);
                return Ok(());
            }
            _ => PacketError::SizeExceeded,
        },
        None => PacketError::InvalidHeader,
    };
    out.truncate(mark.0);
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_packets_are_the_documented_bytes() {
        assert_eq!(HANDSHAKE_ACK, [2, 0, 0, 0]);
        assert_eq!(HEARTBEAT, [3, 0, 0, 0]);
        assert_eq!(KICK, [5, 0, 0, 0]);
    }

    #[test]
    fn a_wrong_type_is_refused_at_the_first_byte() {
        for byte in (0..=u8::MAX).filter(|byte| !(1..=5).contains(byte)) {
            assert_eq!(
                peek_header(&[byte], MAX_BODY_LEN),
                Err(PacketError::WrongType)
            );
        }
        for byte in 1..=5 {
            assert_eq!(peek_header(&[byte], MAX_BODY_LEN), Ok(None));
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused_with_its_header() {
        let error = PacketError::OverLimit { size: 5, limit: 4 };
        assert_eq!(decode(&[4, 0, 0], 4), Ok(None));
        assert_eq!(decode(&[4, 0, 0, 5], 4), Err(error));
        assert_eq!(
            error.to_string(),
            "packet body of 5 bytes is larger than the limit of 4 bytes"
        );
        assert_eq!(
            peek_header(&[4, 0, 0, 4], 4),
            Ok(Some((PacketType::Data, 8)))
        );
    }

    #[test]
    fn finish_patches_the_length_behind_earlier_bytes() {
        let mut out = b"before".to_vec();
        let mark = begin(PacketType::Data, &mut out);
        out.extend_from_slice(&[9; 300]);
        finish(mark, &mut out).unwrap();
        assert_eq!(out[..10], *b"before\x04\x00\x01\x2c");
        assert_eq!(out.len(), 310);
    }

    #[test]
    fn a_body_of_two_to_the_24_is_refused_and_cut_off() {
        let mut out = b"before".to_vec();
        let mark = begin(PacketType::Data, &mut out);
        out.resize(out.len() + MAX_BODY_LEN, 0);
        assert_eq!(finish(mark, &mut out), Ok(()));
        out.push(0);
        assert_eq!(finish(mark, &mut out), Err(PacketError::SizeExceeded));
        assert_eq!(out, b"before");
        assert_eq!(finish(Mark(7), &mut out), Err(PacketError::InvalidHeader));
    }
}
