//! Messages: the body of a data packet.
//!
//! A flag byte, for requests and responses an id, for the other three kinds
//! and requests a route, then the payload. This layer is on the hot path of
//! every message: it must never allocate, check UTF-8, look a code up in a
//! dictionary or inflate a body; the caller does what it needs of that.

use thiserror::Error;

/// Longest route, in bytes, that its one length byte can announce.
pub const MAX_ROUTE_LEN: usize = u8::MAX as usize;

const ROUTE_CODE: u8 = 0x01;
const KIND_MASK: u8 = 0x07;
const COMPRESSED: u8 = 0x10;
const ERROR: u8 = 0x20;

/// What a message asks for (client protocol 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// Client to server, answered under the same id (id 0: never answered).
    Request = 0,
    /// Client to server, never answered.
    Notify = 1,
    /// Server to client, answers the request with the same id.
    Response = 2,
    /// Server to client, unasked.
    Push = 3,
}

/// A route as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteRef<'a> {
    /// The route's text, at most 255 bytes, not necessarily UTF-8.
    Name(&'a [u8]),
    /// Its code in the dictionary both sides agreed on. Code 0 is an ordinary code.
    Code(u16),
}

impl RouteRef<'_> {
    /// No route at all, as in a response.
    pub const EMPTY: RouteRef<'static> = RouteRef::Name(&[]);
}

/// One message, borrowed from the packet body it was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The message's kind.
    pub kind: MessageKind,
    /// Joins a request and its response; 0 for notifies and pushes.
    pub id: u64,
    /// Where the message goes; [`RouteRef::EMPTY`] for responses.
    pub route: RouteRef<'a>,
    /// The body is an error object. Servers ignore it on input.
    pub error: bool,
    /// The body is a zlib stream that is still to be inflated.
    pub compressed: bool,
    /// The payload as it came.
    pub body: &'a [u8],
}

/// Why bytes are no message, or a message cannot be written.
///
/// A decode error closes the connection without a reply. The texts are those
/// of the original framework where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Too short, or an id, a route or a code runs past the end.
    #[error("invalid message")]
    Invalid,
    /// The kind bits say 4 to 7.
    #[error("wrong message type")]
    WrongType,
    /// A code that the dictionary does not hold; for callers that resolve codes.
    #[error("route info not found in dictionary")]
    RouteInfoNotFound,
    /// The route does not fit its one length byte.
    #[error("route of {0} bytes is longer than 255 bytes")]
    RouteTooLong(
        /// Length of the route in bytes.
        usize,
    ),
}

/// Decodes one message (client protocol 2.3).
///
/// Two inputs that the original decoder handles badly are refused as invalid:
/// an id whose last byte never comes (it reads the id's bytes again as the
/// route) and a request that ends with its id (it crashes the process).
///
/// # Errors
/// [`MessageError::Invalid`], [`MessageError::WrongType`].
#[inline]
pub fn decode(input: &[u8]) -> Result<Message<'_>, MessageError> {
    let Some((&flag, mut rest)) = input.split_first() else {
        return Err(MessageError::Invalid);
    };
    if rest.is_empty() {
        return Err(MessageError::Invalid);
    }
    let kind = match (flag >> 1) & KIND_MASK {
        0 => MessageKind::Request,
        1 => MessageKind::Notify,
        2 => MessageKind::Response,
        3 => MessageKind::Push,
        _ => return Err(MessageError::WrongType),
    };
    let mut id = 0;
    if matches!(kind, MessageKind::Request | MessageKind::Response) {
        (id, rest) = decode_id(rest).ok_or(MessageError::Invalid)?;
    }
    let mut route = RouteRef::EMPTY;
    if kind != MessageKind::Response {
        if flag & ROUTE_CODE != 0 {
            let (code, after) = rest.split_first_chunk().ok_or(MessageError::Invalid)?;
            route = RouteRef::Code(u16::from_be_bytes(*code));
            rest = after;
        } else {
            let (&len, after) = rest.split_first().ok_or(MessageError::Invalid)?;
            let (name, after) = after
                .split_at_checked(usize::from(len))
                .ok_or(MessageError::Invalid)?;
            route = RouteRef::Name(name);
            rest = after;
        }
    }
    Ok(Message {
        kind,
        id,
        route,
        error: flag & ERROR != 0,
        compressed: flag & COMPRESSED != 0,
        body: rest,
    })
}

/// Reads an id: groups of 7 bits, least significant first, the high bit says
/// that more follow. Over-long forms are legal and bits past the 63rd vanish.
#[inline]
fn decode_id(input: &[u8]) -> Option<(u64, &[u8])> {
    match input {
        [byte, rest @ ..] if *byte < 0x80 => Some((u64::from(*byte), rest)),
        _ => decode_long_id(input),
    }
}

fn decode_long_id(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut id = 0_u64;
    let mut shift = 0_u32;
    let mut rest = input;
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        // `checked_shl` is None from 64 on: those groups count for nothing.
        id |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some((id, rest));
        }
        shift = shift.saturating_add(7);
    }
}

/// Appends everything of a message but its body, which the caller appends next.
///
/// `id` is written for requests and responses only, `route` for all but
/// responses.
///
/// # Errors
/// [`MessageError::RouteTooLong`]; `out` is unchanged then.
#[inline]
pub fn encode_head(
    kind: MessageKind,
    id: u64,
    route: RouteRef<'_>,
    error: bool,
    compressed: bool,
    out: &mut Vec<u8>,
) -> Result<(), MessageError> {
    let mut flag = (kind as u8) << 1;
    if error {
        flag |= ERROR;
    }
    if compressed {
        flag |= COMPRESSED;
    }
    if kind == MessageKind::Response {
        encode_flag_and_id(flag, id, out);
        return Ok(());
    }
    let route_len = match route {
        RouteRef::Code(_) => {
            flag |= ROUTE_CODE;
            0
        }
        RouteRef::Name(name) => {
            u8::try_from(name.len()).map_err(|_| MessageError::RouteTooLong(name.len()))?
        }
    };
    if kind == MessageKind::Request {
        encode_flag_and_id(flag, id, out);
    } else {
        out.push(flag);
    }
    match route {
        RouteRef::Code(code) => out.extend_from_slice(&code.to_be_bytes()),
        RouteRef::Name(name) => {
            out.push(route_len);
            out.extend_from_slice(name);
        }
    }
    Ok(())
}

#[inline]
fn encode_flag_and_id(flag: u8, mut id: u64, out: &mut Vec<u8>) {
    if id < 0x80 {
        out.extend_from_slice(&[flag, id as u8]);
        return;
    }
    out.push(flag);
    while id >= 0x80 {
        out.push(id as u8 | 0x80);
        id >>= 7;
    }
    out.push(id as u8);
}

/// How many bytes [`encode_head`] appends for a response with this id.
#[inline]
pub(crate) const fn response_head_len(id: u64) -> usize {
    let bits = u64::BITS - (id | 1).leading_zeros();
    1 + bits.div_ceil(7) as usize
}

/// Appends a whole message.
///
/// # Errors
/// As [`encode_head`]; `out` is unchanged then.
#[inline]
pub fn encode(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), MessageError> {
    encode_head(
        message.kind,
        message.id,
        message.route,
        message.error,
        message.compressed,
        out,
    )?;
    out.extend_from_slice(message.body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        input: &[u8],
        expected: Result<(MessageKind, u64, RouteRef<'_>, &[u8]), MessageError>,
    ) {
        let found = decode(input).map(|m| (m.kind, m.id, m.route, m.body));
        assert_eq!(found, expected, "{input:02x?}");
    }

    #[test]
    fn inputs_and_outcomes_of_the_protocol_table() {
        use {MessageError::*, MessageKind::*, RouteRef::*};
        check(&[], Err(Invalid));
        check(&[0], Err(Invalid));
        check(&[8, 0], Err(WrongType));
        check(&[0x0e, 0], Err(WrongType));
        check(&[0, 1], Err(Invalid));
        check(&[0, 0x80], Err(Invalid));
        check(&[4, 0x80], Err(Invalid));
        check(&[0, 2, 0], Ok((Request, 2, RouteRef::EMPTY, &[])));
        check(&[2, 5], Err(Invalid));
        check(&[2, 0], Ok((Notify, 0, RouteRef::EMPTY, &[])));
        check(&[0xc2, 0], Ok((Notify, 0, RouteRef::EMPTY, &[])));
        check(&[1, 1, 0], Err(Invalid));
        check(&[1, 1, 0, 9], Ok((Request, 1, Code(9), &[])));
        check(
            &[0, 0x81, 0x80, 0, 1, 0x61],
            Ok((Request, 1, Name(b"a"), &[])),
        );
    }

    #[test]
    fn bits_past_the_63rd_vanish_from_an_id_of_any_length() {
        let mut input = vec![4];
        input.extend([0xff; 2000]);
        input.extend([0x7f, b'x']);
        check(
            &input,
            Ok((MessageKind::Response, u64::MAX, RouteRef::EMPTY, b"x")),
        );
    }

    #[test]
    fn the_head_of_a_response_is_as_long_as_foretold() {
        let edges = (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1]);
        for id in edges.chain([u64::MAX]) {
            let mut head = Vec::new();
            let kind = MessageKind::Response;
            encode_head(kind, id, RouteRef::EMPTY, false, false, &mut head).unwrap();
            assert_eq!(head.len(), response_head_len(id), "{id}");
        }
    }

    #[test]
    fn a_route_over_255_bytes_is_refused_and_nothing_is_written() {
        let mut out = vec![7];
        let route = [b'r'; 256];
        let mut head = |name| {
            encode_head(
                MessageKind::Push,
                0,
                RouteRef::Name(name),
                false,
                false,
                &mut out,
            )
        };
        assert_eq!(head(&route), Err(MessageError::RouteTooLong(256)));
        assert_eq!(head(&route[1..]), Ok(()));
        assert_eq!(out.len(), 1 + 2 + 255);
        assert_eq!(out[..3], [7, 6, 255]);
    }

    #[test]
    fn a_response_never_carries_a_route() {
        let mut out = Vec::new();
        encode_head(
            MessageKind::Response,
            300,
            RouteRef::Code(1),
            true,
            true,
            &mut out,
        )
        .unwrap();
        assert_eq!(out, [0x34, 0xac, 0x02]);
    }
}
