//! WebSocket frames: headers, masking, and the rules for fragments.
//!
//! Clients mask, servers do not. A header is judged as soon as the byte that
//! is wrong is there, so nothing of a bad or oversize frame is waited for.

use thiserror::Error;

/// Longest header of a frame the server writes.
pub const MAX_SERVER_HEADER_LEN: usize = 10;

/// Longest payload of a close, ping or pong frame in bytes.
pub const MAX_CONTROL_LEN: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation = 0,
    /// A message, or its first part; treated like [`Opcode::Binary`].
    Text = 1,
    /// A message, or its first part.
    Binary = 2,
    /// The peer ends the connection.
    Close = 8,
    /// To be answered with a pong of the same payload.
    Ping = 9,
    /// An answer to a ping, or sent unasked.
    Pong = 10,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether this is a close, ping or pong, which may stand between the
    /// fragments of a message.
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// Why a frame ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A reserved bit is set, though no extension was agreed on.
    #[error("websocket: reserved bits set")]
    ReservedBits,
    /// An opcode that the standard does not define.
    #[error("websocket: unknown opcode {0}")]
    UnknownOpcode(
        /// The opcode.
        u8,
    ),
    /// A client's frame without a mask.
    #[error("websocket: frame is not masked")]
    NotMasked,
    /// A close, ping or pong frame that is fragmented or over 125 bytes.
    #[error("websocket: malformed control frame")]
    BadControl,
    /// A continuation without a start, or a start inside a message.
    #[error("websocket: fragment out of place")]
    BadFragment,
    /// The payload of a close frame is one byte or names a code that must not
    /// be sent.
    #[error("websocket: malformed close frame")]
    BadClose,
    /// The reason that a close frame gives is no text.
    #[error("websocket: the reason of a close frame is not UTF-8")]
    BadReason,
    /// The frame or the message is larger than the limit.
    #[error("websocket: message of {size} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Size of the message so far in bytes.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl FrameError {
    /// The code to close with.
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TooLarge { .. } => 1009,
            Self::BadReason => 1007,
            _ => 1002,
        }
    }
}

/// The header of a frame from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// What the payload is masked with, see [`unmask`].
    pub mask: [u8; 4],
    /// Bytes of payload behind the header.
    pub payload_len: usize,
    /// Bytes of the header itself.
    pub header_len: usize,
}

/// Reads the header of a client's frame. `None` means that more bytes are needed.
///
/// # Errors
/// [`FrameError`]; `max_payload` is the limit for this one frame in bytes. Control
/// frames have the standard's own, [`MAX_CONTROL_LEN`].
#[inline]
pub fn decode_header(input: &[u8], max_payload: usize) -> Result<Option<FrameHeader>, FrameError> {
    let Some((&first, rest)) = input.split_first() else {
        return Ok(None);
    };
    if first & RESERVED != 0 {
        return Err(FrameError::ReservedBits);
    }
    let bits = first & 0x0f;
    let opcode = Opcode::from_bits(bits).ok_or(FrameError::UnknownOpcode(bits))?;
    let fin = first & FIN != 0;
    if opcode.is_control() && !fin {
        return Err(FrameError::BadControl);
    }
    let Some((&second, rest)) = rest.split_first() else {
        return Ok(None);
    };
    if second & MASKED == 0 {
        return Err(FrameError::NotMasked);
    }
    let short = second & !MASKED;
    if opcode.is_control() && usize::from(short) > MAX_CONTROL_LEN {
        return Err(FrameError::BadControl);
    }
    let (len, rest) = match short {
        126 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest),
            None => return Ok(None),
        },
        _ => (u64::from(short), rest),
    };
    let payload_len = usize::try_from(len)
        .ok()
        .filter(|&len| opcode.is_control() || len <= max_payload)
        .ok_or(FrameError::TooLarge {
            size: len,
            limit: max_payload,
        })?;
    let Some((mask, rest)) = rest.split_first_chunk() else {
        return Ok(None);
    };
    Ok(Some(FrameHeader {
        fin,
        opcode,
        mask: *mask,
        payload_len,
        header_len: input.len() - rest.len(),
    }))
}

/// Takes the mask off a payload, or puts it on. `offset` is the number of
/// payload bytes before `payload`, for a frame that comes in pieces.
#[inline]
pub fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut mask = mask;
    mask.rotate_left(offset % 4);
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends the header of an unfragmented, unmasked frame; the payload follows it.
#[inline]
pub fn encode_header(opcode: Opcode, payload_len: usize, out: &mut Vec<u8>) {
    let first = FIN | opcode as u8;
    match payload_len {
        0..=125 => out.extend_from_slice(&[first, payload_len as u8]),
        126..=0xffff => {
            let [high, low] = (payload_len as u16).to_be_bytes();
            out.extend_from_slice(&[first, 126, high, low]);
        }
        _ => {
            out.extend_from_slice(&[first, 127]);
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
}

/// Appends a whole frame.
#[inline]
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(MAX_SERVER_HEADER_LEN + payload.len());
    encode_header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a close frame. A reason that does not fit is left out.
pub fn encode_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let reason = if reason.len() <= MAX_CONTROL_LEN - 2 {
        reason
    } else {
        ""
    };
    encode_header(Opcode::Close, 2 + reason.len(), out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Reads the unmasked payload of a close frame: its code, if it names one.
///
/// # Errors
/// [`FrameError::BadClose`], [`FrameError::BadReason`].
pub fn decode_close(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let (code, reason) = payload.split_first_chunk().ok_or(FrameError::BadClose)?;
    if std::str::from_utf8(reason).is_err() {
        return Err(FrameError::BadReason);
    }
    match u16::from_be_bytes(*code) {
        // 1004 to 1006 and 1015 are for use inside a program only.
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(FrameError::BadClose),
    }
}

/// What to do with a frame's payload; see [`Reassembly::accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// A whole message by itself.
    Message,
    /// A part of a message, to be kept until the rest is there.
    Fragment,
    /// The last part of a message, to be joined with what was kept.
    LastFragment,
    /// A close frame.
    Close,
    /// A ping, to be answered with its payload.
    Ping,
    /// A pong, to be ignored.
    Pong,
}

/// The rules for fragments, fed with one header after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reassembly {
    /// Bytes of the message that has begun and not ended.
    begun: Option<usize>,
}

impl Reassembly {
    /// No message has begun.
    pub const fn new() -> Self {
        Self { begun: None }
    }

    /// Bytes of the unfinished message; 0 without one.
    pub fn pending_len(&self) -> usize {
        self.begun.unwrap_or(0)
    }

    /// Says what the payload behind a header is. `max_message` is the limit for
    /// a whole message in bytes.
    ///
    /// # Errors
    /// [`FrameError::BadFragment`], [`FrameError::TooLarge`].
    #[inline]
    pub fn accept(
        &mut self,
        header: &FrameHeader,
        max_message: usize,
    ) -> Result<Disposition, FrameError> {
        let begun = match (header.opcode, self.begun) {
            (Opcode::Close, _) => return Ok(Disposition::Close),
            (Opcode::Ping, _) => return Ok(Disposition::Ping),
            (Opcode::Pong, _) => return Ok(Disposition::Pong),
            (Opcode::Continuation, Some(begun)) => begun,
            (Opcode::Text | Opcode::Binary, None) => 0,
            _ => return Err(FrameError::BadFragment),
        };
        let size = begun.saturating_add(header.payload_len);
        if size > max_message {
            return Err(FrameError::TooLarge {
                size: size as u64,
                limit: max_message,
            });
        }
        self.begun = (!header.fin).then_some(size);
        Ok(match (header.fin, header.opcode) {
            (false, _) => Disposition::Fragment,
            (true, Opcode::Continuation) => Disposition::LastFragment,
            (true, _) => Disposition::Message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fin: bool, opcode: Opcode, payload_len: usize) -> FrameHeader {
        FrameHeader {
            fin,
            opcode,
            mask: [0; 4],
            payload_len,
            header_len: 6,
        }
    }

    #[test]
    fn the_masked_hello_of_the_standard() {
        let mut frame = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let found = decode_header(&frame, 5).unwrap().unwrap();
        assert_eq!(
            found,
            FrameHeader {
                fin: true,
                opcode: Opcode::Text,
                mask: [0x37, 0xfa, 0x21, 0x3d],
                payload_len: 5,
                header_len: 6,
            }
        );
        unmask(&mut frame[6..], found.mask, 0);
        assert_eq!(frame[6..], *b"Hello");
        for end in 0..6 {
            assert_eq!(decode_header(&frame[..end], 5), Ok(None));
        }
    }

    #[test]
    fn the_unmasked_frames_of_the_standard() {
        let mut out = Vec::new();
        encode(Opcode::Text, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        out.clear();
        encode(Opcode::Ping, b"Hello", &mut out);
        assert_eq!(out, [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        for (len, expected) in [
            (125, &[0x82, 0x7d][..]),
            (126, &[0x82, 0x7e, 0, 126]),
            (256, &[0x82, 0x7e, 0x01, 0x00]),
            (65535, &[0x82, 0x7e, 0xff, 0xff]),
            (65536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            out.clear();
            encode_header(Opcode::Binary, len, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn lengths_of_all_forms_are_read() {
        for (frame, len) in [
            (&[0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4][..], 256),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], 65536),
        ] {
            let found = decode_header(frame, 65536).unwrap().unwrap();
            assert_eq!((found.payload_len, found.header_len), (len, frame.len()));
            assert_eq!(found.mask, [1, 2, 3, 4]);
            for end in 0..frame.len() {
                assert_eq!(decode_header(&frame[..end], 65536), Ok(None));
            }
            // The length is judged before the mask is there.
            let early = &frame[..frame.len() - 4];
            let error = decode_header(early, len - 1).unwrap_err();
            assert_eq!(
                error,
                FrameError::TooLarge {
                    size: len as u64,
                    limit: len - 1
                }
            );
            assert_eq!(error.close_code(), 1009);
        }
        assert!(decode_header(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255], 9).is_err());
    }

    #[test]
    fn broken_rules_are_refused_at_once() {
        for (frame, expected) in [
            (&[0xc1][..], FrameError::ReservedBits),
            (&[0x91], FrameError::ReservedBits),
            (&[0x83], FrameError::UnknownOpcode(3)),
            (&[0x8b], FrameError::UnknownOpcode(11)),
            (&[0x09], FrameError::BadControl),
            (&[0x88, 0xfe], FrameError::BadControl),
            (&[0x82, 0x05], FrameError::NotMasked),
        ] {
            assert_eq!(decode_header(frame, 1000), Err(expected));
            assert_eq!(expected.close_code(), 1002);
        }
    }

    #[test]
    fn unmasking_in_pieces_is_unmasking_at_once() {
        let mask = [1, 20, 77, 255];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain
            .iter()
            .zip(mask.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        for cut in 0..plain.len() {
            let mut payload = plain.clone();
            let (head, tail) = payload.split_at_mut(cut);
            unmask(head, mask, 0);
            unmask(tail, mask, cut);
            assert_eq!(payload, expected, "{cut}");
        }
    }

    #[test]
    fn fragments_make_a_message_with_control_frames_between() {
        let mut state = Reassembly::new();
        for (header, expected) in [
            (header(true, Opcode::Text, 5), Disposition::Message),
            (header(false, Opcode::Binary, 4), Disposition::Fragment),
            (header(true, Opcode::Ping, 5), Disposition::Ping),
            (
                header(false, Opcode::Continuation, 0),
                Disposition::Fragment,
            ),
            (header(true, Opcode::Pong, 0), Disposition::Pong),
            (
                header(true, Opcode::Continuation, 6),
                Disposition::LastFragment,
            ),
            (header(true, Opcode::Binary, 10), Disposition::Message),
            (header(true, Opcode::Close, 2), Disposition::Close),
        ] {
            assert_eq!(state.accept(&header, 10), Ok(expected));
        }
    }

    #[test]
    fn fragments_out_of_place_or_too_long_are_refused() {
        let mut state = Reassembly::new();
        let continuation = header(true, Opcode::Continuation, 7);
        assert_eq!(
            state.accept(&continuation, 10),
            Err(FrameError::BadFragment)
        );
        state.accept(&header(false, Opcode::Text, 4), 10).unwrap();
        assert_eq!(state.pending_len(), 4);
        let start = header(true, Opcode::Binary, 1);
        assert_eq!(state.accept(&start, 10), Err(FrameError::BadFragment));
        let error = FrameError::TooLarge {
            size: 11,
            limit: 10,
        };
        assert_eq!(state.accept(&continuation, 10), Err(error));
        assert_eq!(
            state.accept(&continuation, 11),
            Ok(Disposition::LastFragment)
        );
    }

    #[test]
    fn close_frames_carry_a_legal_code_or_none() {
        let mut out = Vec::new();
        encode_close(1002, "bad", &mut out);
        assert_eq!(out, b"\x88\x05\x03\xeabad");
        assert_eq!(decode_close(&out[2..]), Ok(Some(1002)));
        out.clear();
        encode_close(1000, &"x".repeat(124), &mut out);
        assert_eq!(out, b"\x88\x02\x03\xe8");
        assert_eq!(decode_close(b""), Ok(None));
        for payload in [
            &b"\x03"[..],
            b"\x03\xed",
            b"\x03\xee",
            b"\x03\xf7",
            b"\x00\x00",
            b"\xff\xff",
        ] {
            assert_eq!(
                decode_close(payload),
                Err(FrameError::BadClose),
                "{payload:?}"
            );
        }
    }
}
