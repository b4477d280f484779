//! A PROXY protocol header: how the stream is cut, how it is made, then the bytes.
//!
//! The library takes the header that the model finds, names the same ends, and refuses at the same byte;
//! it takes nothing behind the header, and no more than the longest one, however the stream is cut. What
//! a balancer writes for two ends is read as those two.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::input::{Input, pieces};
use crate::vectors::behind;

/// The library's own file.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../../pitaya/src/acceptor/proxy/header.rs"]
mod header;

use header::{Header, ProxyError, Taken};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The two ends of a connection, the client's first.
type Ends = (SocketAddr, SocketAddr);

/// What comes of the start of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    More,
    Refused,
    NoSource(usize),
    Ends(usize, Ends),
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cuts = input.byte_or_zero();
    let kind = input.byte_or_zero();
    let written = match kind % 4 {
        2 => Some(line(kind, &mut input)),
        3 => Some(binary(kind, &mut input)),
        _ => None,
    };
    let mut stream = Vec::new();
    if let Some((header, _)) = &written {
        stream.extend_from_slice(header);
    }
    stream.extend_from_slice(input.rest());

    let expected = (0..=stream.len())
        .map(|len| (len, model(&stream[..len])))
        .find(|(_, verdict)| *verdict != Verdict::More);
    if let Some((header, ends)) = written {
        let verdict = Verdict::Ends(header.len(), ends);
        assert_eq!(expected, Some((header.len(), verdict)));
    }
    for cuts in [0, u8::MAX, cuts] {
        let (seen, verdict) = read(&pieces(&stream, cuts));
        match expected {
            None => assert_eq!(verdict, Verdict::More),
            Some((len, expected)) => {
                assert_eq!(verdict, expected, "cut by {cuts}");
                // The verdict comes with the piece that brings the deciding byte.
                assert!(seen >= len && (cuts != 0 || seen == len), "{seen}, {len}");
            }
        }
    }
}

/// Reads as a connection does, which sees a piece and takes what belongs to the header: how much was
/// seen, and what came of it.
fn read(pieces: &[&[u8]]) -> (usize, Verdict) {
    let (mut header, mut seen, mut taken) = (Header::default(), 0, 0);
    for piece in pieces {
        seen += piece.len();
        match header.take(piece) {
            Ok(Taken::All) => taken += piece.len(),
            Ok(Taken::Last(len)) => {
                assert!((1..=piece.len()).contains(&len), "{len} of {}", piece.len());
                taken += len;
                assert!(taken <= 16 + 2048, "{taken} bytes of a header");
                let verdict = match header.ends() {
                    Ok(ends) => Verdict::Ends(taken, (ends.client, ends.server)),
                    Err(ProxyError::NoSource) => Verdict::NoSource(taken),
                    Err(_) => Verdict::Refused,
                };
                return (seen, verdict);
            }
            Err(_) => return (seen, Verdict::Refused),
        }
        assert!(taken < 16 + 2048, "{taken} bytes of a header");
    }
    (seen, Verdict::More)
}

/// The specification once more (client protocol 1.6, and the PROXY protocol's own text).
fn model(bytes: &[u8]) -> Verdict {
    let starts = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    if bytes.is_empty() {
        Verdict::More
    } else if starts(b"PROXY ") {
        model_line(bytes)
    } else if starts(SIGNATURE) {
        model_binary(bytes)
    } else {
        Verdict::Refused
    }
}

fn model_line(bytes: &[u8]) -> Verdict {
    let Some(end) = bytes.iter().take(107).position(|&byte| byte == b'\n') else {
        return if bytes.len() < 107 {
            Verdict::More
        } else {
            Verdict::Refused
        };
    };
    let line = bytes[..end].strip_suffix(b"\r");
    let Some(line) = line.filter(|line| !line.contains(&b'\r')) else {
        return Verdict::Refused;
    };
    let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
    if words.get(1) == Some(&&b"UNKNOWN"[..]) {
        return Verdict::NoSource(end + 1);
    }
    let [_, family, client, server, from, to] = words[..] else {
        return Verdict::Refused;
    };
    let address = |word: &[u8]| {
        let word = std::str::from_utf8(word).ok()?;
        match family {
            b"TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            b"TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let port = |word: &[u8]| {
        let digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        let number = word.iter().fold(0_u32, |number, digit| {
            (number * 10 + u32::from(digit.wrapping_sub(b'0'))).min(1 << 16)
        });
        u16::try_from(number).ok().filter(|_| digits)
    };
    match (address(client), address(server), port(from), port(to)) {
        (Some(client), Some(server), Some(from), Some(to)) => Verdict::Ends(
            end + 1,
            (SocketAddr::new(client, from), SocketAddr::new(server, to)),
        ),
        _ => Verdict::Refused,
    }
}

fn model_binary(bytes: &[u8]) -> Verdict {
    if bytes.len() < 16 {
        return Verdict::More;
    }
    let size = usize::from(bytes[14]) * 256 + usize::from(bytes[15]);
    if size > 2048 {
        return Verdict::Refused;
    }
    let len = 16 + size;
    if bytes.len() < len {
        return Verdict::More;
    }
    let number = |at: usize| u16::from(bytes[at]) * 256 + u16::from(bytes[at + 1]);
    let v4 = |at: usize| IpAddr::from([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let v6 = |at: usize| IpAddr::from(std::array::from_fn::<_, 8, _>(|n| number(at + 2 * n)));
    let ends = |client, server, ports| {
        (
            SocketAddr::new(client, number(ports)),
            SocketAddr::new(server, number(ports + 2)),
        )
    };
    match (bytes[12], bytes[13]) {
        (0x20, _) | (0x21, 0) => Verdict::NoSource(len),
        (0x21, 0x11 | 0x12) if size >= 12 => Verdict::Ends(len, ends(v4(16), v4(20), 24)),
        (0x21, 0x21 | 0x22) if size >= 36 => Verdict::Ends(len, ends(v6(16), v6(32), 48)),
        _ => Verdict::Refused,
    }
}

/// Two ends of one family, made of what comes.
fn ends(kind: u8, input: &mut Input<'_>) -> Ends {
    let mut end = || {
        let mut bytes = [0; 18];
        for (byte, given) in bytes.iter_mut().zip(input.counted()) {
            *byte = *given;
        }
        let word = |n: usize| u16::from_be_bytes([bytes[2 * n], bytes[2 * n + 1]]);
        let ip = if kind & 4 == 0 {
            IpAddr::from([bytes[2], bytes[3], bytes[4], bytes[5]])
        } else {
            IpAddr::from(std::array::from_fn::<_, 8, _>(|n| word(n + 1)))
        };
        SocketAddr::new(ip, word(0))
    };
    (end(), end())
}

/// A header of version 1.
fn line(kind: u8, input: &mut Input<'_>) -> (Vec<u8>, Ends) {
    let ends = ends(kind, input);
    let text = |ip: IpAddr| match ip {
        // As long as it can be written, where the library's own form is short.
        IpAddr::V6(ip) if kind & 8 != 0 => {
            ip.segments().map(|part| format!("{part:04X}")).join(":")
        }
        ip => ip.to_string(),
    };
    let (client, server) = (text(ends.0.ip()), text(ends.1.ip()));
    let family = if kind & 4 == 0 { 4 } else { 6 };
    let (from, to) = (ends.0.port(), ends.1.port());
    let line = format!("PROXY TCP{family} {client} {server} {from} {to}\r\n");
    (line.into_bytes(), ends)
}

/// A header of version 2, with extensions.
fn binary(kind: u8, input: &mut Input<'_>) -> (Vec<u8>, Ends) {
    let ends = ends(kind, input);
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut rest = [octets(ends.0.ip()), octets(ends.1.ip())].concat();
    rest.extend(ends.0.port().to_be_bytes());
    rest.extend(ends.1.port().to_be_bytes());
    rest.extend(input.counted());
    if kind & 16 != 0 {
        rest.resize(2048, kind);
    }
    let family = if kind & 4 == 0 { 0x10 } else { 0x20 };
    let protocol = if kind & 8 == 0 { 1 } else { 2 };
    let mut header = SIGNATURE.to_vec();
    header.extend([0x21, family + protocol]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    (header, ends)
}

/// Headers of each kind, with a packet behind some.
pub fn seeds() -> Vec<Vec<u8>> {
    let v4 = b"\xc0\0\x02\x07\x0a\0\0\x01\x9c\x40\x0c\xb2";
    let mut seeds = Vec::new();
    for line in [
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n\x01\0\0\x02{}",
        "PROXY TCP6 2001:db8::7 ::ffff:10.0.0.1 40000 3250\r\n",
        "PROXY UNKNOWN ::1 ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +40000 3250\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 040000 65536\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        seeds.push(behind(&[3, 0], line.as_bytes()));
    }
    for (command, family, rest) in [
        (0x21, 0x11, &v4[..]),
        (0x21, 0x11, &[&v4[..], b"\x04\0\x02hi"].concat()),
        (0x21, 0x22, &v4.repeat(3)),
        (0x20, 0, b""),
        (0x21, 0x31, &[0; 216]),
        (0x21, 0x11, &v4[..11]),
        (0x21, 0, b"\x03\0\x04crc!"),
    ] {
        let head = [SIGNATURE, &[command, family, 0, rest.len() as u8], rest].concat();
        seeds.push(behind(&[7, 1], &head));
    }
    // Built ones of every kind: two ends, an extension where there is room, a packet.
    let built = b"\x06\x9c\x40\xc0\0\x02\x07\x12\x0c\xb2\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";
    for kind in (2..32).filter(|kind| kind % 4 > 1) {
        seeds.push(behind(
            &[9, kind],
            &[&built[..], b"\x03\xee\0\0\x03\0\0\0"].concat(),
        ));
    }
    seeds
}
