//! Packets, messages, routes and WebSocket frames once more, straight from the text of the
//! specification and as simply as it can be said: whole input in, owned values out, an index instead of
//! borrowed slices. What the library makes of bytes is compared with this.

/// How a stream of packets ends, in the words of the original framework where it has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Behind a packet.
    Clean,
    /// With an error.
    Error(String),
}

/// Packets of a stream and how it ends (client protocol 1.1 to 1.3), with a limit for bodies.
pub fn packets(stream: &[u8], limit: usize) -> (Vec<(u8, Vec<u8>)>, End) {
    let mut packets = Vec::new();
    let mut at = 0;
    let error = loop {
        let left = stream.len() - at;
        if left == 0 {
            return (packets, End::Clean);
        }
        if stream[at] == 0 || stream[at] > 5 {
            break "wrong packet type".to_owned();
        }
        if left < 4 {
            break "invalid header".to_owned();
        }
        let size = stream[at + 1] as usize * 65536
            + stream[at + 2] as usize * 256
            + stream[at + 3] as usize;
        if size > limit {
            break format!("packet body of {size} bytes is larger than the limit of {limit} bytes");
        }
        if left < 4 + size {
            break "received less data than expected, EOF?".to_owned();
        }
        packets.push((stream[at], stream[at + 4..at + 4 + size].to_vec()));
        at += 4 + size;
    };
    (packets, End::Error(error))
}

/// What one WebSocket message must hold: exactly one packet (client protocol 1.4).
pub fn only_packet(message: &[u8], limit: usize) -> Result<(u8, Vec<u8>), String> {
    if message.len() < 4 {
        return Err("invalid header".to_owned());
    }
    let (packets, end) = packets(message, limit);
    match (packets.into_iter().next(), end) {
        (None, End::Error(error)) => Err(error),
        (Some(packet), _) if packet.1.len() + 4 == message.len() => Ok(packet),
        _ => Err("received more data than expected".to_owned()),
    }
}

/// A message as the specification describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// 0 request, 1 notify, 2 response, 3 push.
    pub kind: u8,
    /// 0 where a kind has none.
    pub id: u64,
    /// The route's bytes, or its code; nothing in a response.
    pub route: Result<Vec<u8>, u16>,
    /// Bit 5.
    pub error: bool,
    /// Bit 4.
    pub compressed: bool,
    /// As it stands there.
    pub body: Vec<u8>,
}

/// Decodes a message (client protocol 2.3), an id without an end and a route without a length byte
/// being invalid.
pub fn message(bytes: &[u8]) -> Result<Message, &'static str> {
    if bytes.len() < 2 {
        return Err("invalid message");
    }
    let flag = bytes[0];
    let kind = (flag & 0x0e) >> 1;
    if kind > 3 {
        return Err("wrong message type");
    }
    let mut at = 1;
    let mut id = 0_u64;
    if kind == 0 || kind == 2 {
        let mut weight = 1_u64;
        loop {
            let group = *bytes.get(at).ok_or("invalid message")?;
            at += 1;
            id = id.wrapping_add(weight.wrapping_mul(u64::from(group % 128)));
            // Groups past bit 63 vanish.
            weight = weight.wrapping_mul(128);
            if group < 128 {
                break;
            }
        }
    }
    let mut route = Ok(Vec::new());
    if kind != 2 {
        if flag & 1 == 1 {
            if bytes.len() < at + 2 {
                return Err("invalid message");
            }
            route = Err(u16::from(bytes[at]) * 256 + u16::from(bytes[at + 1]));
            at += 2;
        } else {
            let len = usize::from(*bytes.get(at).ok_or("invalid message")?);
            at += 1;
            if bytes.len() < at + len {
                return Err("invalid message");
            }
            route = Ok(bytes[at..at + len].to_vec());
            at += len;
        }
    }
    Ok(Message {
        kind,
        id,
        route,
        error: flag & 0x20 != 0,
        compressed: flag & 0x10 != 0,
        body: bytes[at..].to_vec(),
    })
}

/// Judges a route's text (client protocol 7.1): its parts.
pub fn route(text: &str) -> Result<Vec<&str>, &'static str> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err("route field can not be empty");
    }
    if parts.len() == 2 || parts.len() == 3 {
        Ok(parts)
    } else {
        Err("invalid route")
    }
}

/// Bytes as text, each bad byte being one replacement character.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let len = match first {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        let whole = rest.get(..len).and_then(|part| str::from_utf8(part).ok());
        match whole {
            Some(part) => {
                text.push_str(part);
                rest = &rest[len..];
            }
            None => {
                text.push('\u{fffd}');
                rest = &rest[1..];
            }
        }
    }
    text
}

/// How a WebSocket ends for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WsEnd {
    /// By a close frame.
    Closed,
    /// Bytes that break a rule, with the code to close with.
    Broken(u16),
    /// Between two messages.
    Clean,
    /// Inside a frame or a message.
    Cut,
}

/// The packets that a client's frames carry, one in each message, the payloads of its pings, and how
/// the stream ends (RFC 6455, 5 and 7).
pub fn frames(stream: &[u8], max_message: usize) -> (Vec<u8>, Vec<Vec<u8>>, WsEnd) {
    let (mut packets, mut pings) = (Vec::new(), Vec::new());
    let mut begun: Option<Vec<u8>> = None;
    let mut at = 0;
    let end = loop {
        let rest = &stream[at..];
        if rest.is_empty() && begun.is_none() {
            break WsEnd::Clean;
        }
        let frame = match frame(rest) {
            Ok(Some(frame)) => frame,
            Ok(None) => break WsEnd::Cut,
            Err(code) => break WsEnd::Broken(code),
        };
        at += frame.len;
        match (frame.opcode, begun.take()) {
            (8, _) => match frame.payload.as_slice() {
                [] => break WsEnd::Closed,
                [_, _, reason @ ..] if std::str::from_utf8(reason).is_err() => {
                    break WsEnd::Broken(1007);
                }
                [high, low, ..] => match u16::from(*high) * 256 + u16::from(*low) {
                    1000..=1003 | 1007..=1014 | 3000..=4999 => break WsEnd::Closed,
                    _ => break WsEnd::Broken(1002),
                },
                [_] => break WsEnd::Broken(1002),
            },
            (9, earlier) => {
                begun = earlier;
                pings.push(frame.payload);
            }
            (10, earlier) => begun = earlier,
            (0, None) | (1 | 2, Some(_)) => break WsEnd::Broken(1002),
            (_, earlier) => {
                let mut message = earlier.unwrap_or_default();
                message.extend_from_slice(&frame.payload);
                if message.len() > max_message {
                    break WsEnd::Broken(1009);
                }
                if !frame.last && may_become_packet(&message) {
                    begun = Some(message);
                } else if frame.last && only_packet(&message, max_message).is_ok() {
                    packets.extend_from_slice(&message);
                } else {
                    break WsEnd::Broken(1002);
                }
            }
        }
    };
    (packets, pings, end)
}

/// Whether the first part of a message can be the first part of one packet.
fn may_become_packet(part: &[u8]) -> bool {
    match part {
        [] => true,
        [kind, high, middle, low, body @ ..] => {
            let size = *high as usize * 65536 + *middle as usize * 256 + *low as usize;
            (1..=5).contains(kind) && body.len() <= size
        }
        [kind, ..] => (1..=5).contains(kind),
    }
}

struct Frame {
    last: bool,
    opcode: u8,
    payload: Vec<u8>,
    len: usize,
}

/// The frame at the start, `None` when it is not whole; a code to close with when it is none.
fn frame(stream: &[u8]) -> Result<Option<Frame>, u16> {
    let Some(&first) = stream.first() else {
        return Ok(None);
    };
    let (last, opcode) = (first >= 128, first % 16);
    if first & 0x70 != 0 || !matches!(opcode, 0..=2 | 8..=10) || (opcode >= 8 && !last) {
        return Err(1002);
    }
    let Some(&second) = stream.get(1) else {
        return Ok(None);
    };
    if second < 128 || (opcode >= 8 && second > 128 + 125) {
        return Err(1002);
    }
    let (wide, mut size) = match second - 128 {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u128::from(short)),
    };
    let Some(long) = stream.get(2..2 + wide) else {
        return Ok(None);
    };
    for byte in long {
        size = size * 256 + u128::from(*byte);
    }
    let whole = (2 + wide + 4) as u128 + size;
    if whole > stream.len() as u128 {
        return Ok(None);
    }
    let mask = &stream[2 + wide..6 + wide];
    let payload = stream[6 + wide..whole as usize]
        .iter()
        .enumerate()
        .map(|(n, byte)| byte ^ mask[n % 4])
        .collect();
    Ok(Some(Frame {
        last,
        opcode,
        payload,
        len: whole as usize,
    }))
}
