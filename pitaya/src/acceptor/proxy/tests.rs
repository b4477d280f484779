//! Headers of both versions: whole, cut, too long, and lying.

use super::*;

/// A header of version 2; its length is that of `behind`.
fn v2(command: u8, family: u8, behind: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(behind.len()).unwrap().to_be_bytes());
    header.extend(behind);
    header
}

const V4: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x0c, 0xb2];

fn v6() -> Vec<u8> {
    let mut addresses = Vec::new();
    for last in [7_u8, 1] {
        addresses.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    addresses.extend([0x9c, 0x40, 0x0c, 0xb2]);
    addresses
}

/// Feeds `input` a byte at a time, as the slowest proxy would, then all at once: how many bytes the
/// header has, and what it says.
fn read_all(input: &[u8]) -> Result<Option<(usize, Proxied)>, ProxyError> {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut header, mut len) = (Header::default(), 0);
        for piece in pieces {
            match header.take(piece)? {
                Taken::All => len += piece.len(),
                Taken::Last(last) => return header.ends().map(|ends| Some((len + last, ends))),
            }
        }
        Ok(None)
    };
    let outcome = read(&mut input.chunks(1));
    assert_eq!(outcome, read(&mut std::iter::once(input)), "{input:02x?}");
    outcome
}

#[test]
fn a_header_tells_both_ends_and_nothing_behind_it_is_taken() {
    let with_extensions = [V4, &[0x04, 0, 3, 1, 2, 3], &[0xee, 0, 0]].concat();
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:10.0.0.1 40000 3250\r\n";
    for (header, client, server) in [
        (
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n".to_vec(),
            "192.0.2.7:40000",
            "10.0.0.1:3250",
        ),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 3250\r\n".to_vec(),
            "[2001:db8::7]:40000",
            "[2001:db8::1]:3250",
        ),
        (
            b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n".to_vec(),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ),
        (mapped.to_vec(), "[::ffff:192.0.2.7]:40000", "[::ffff:10.0.0.1]:3250"),
        (v2(0x21, 0x11, V4), "192.0.2.7:40000", "10.0.0.1:3250"),
        (v2(0x21, 0x12, V4), "192.0.2.7:40000", "10.0.0.1:3250"),
        (v2(0x21, 0x21, &v6()), "[2001:db8::7]:40000", "[2001:db8::1]:3250"),
        (v2(0x21, 0x22, &v6()), "[2001:db8::7]:40000", "[2001:db8::1]:3250"),
        // Extensions are skipped, sound or not.
        (v2(0x21, 0x11, &with_extensions), "192.0.2.7:40000", "10.0.0.1:3250"),
        (v2(0x21, 0x11, &[V4, &[0x04, 0xff]].concat()), "192.0.2.7:40000", "10.0.0.1:3250"),
        (
            v2(0x21, 0x11, &[V4, &[0; MAX_BEHIND - 12]].concat()),
            "192.0.2.7:40000",
            "10.0.0.1:3250",
        ),
    ] {
        let expected = Proxied {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
        };
        for behind in ["", "PROXY TCP4 ", "\x01\0\0\x02{}"] {
            let input = [&header, behind.as_bytes()].concat();
            assert_eq!(read_all(&input), Ok(Some((header.len(), expected))));
        }
        for len in 0..header.len() {
            assert_eq!(read_all(&header[..len]), Ok(None), "cut at {len}");
        }
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_names_no_client() {
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ::1 ::1 1 2\r\n".to_vec(),
        v2(0x20, 0x00, b""),
        v2(0x20, 0x11, V4),
        v2(0x20, 0x31, b"shorter than a path"),
        v2(0x20, 0xff, &[0; 5]),
        v2(0x21, 0x00, b""),
        v2(0x21, 0x00, &[0; 20]),
    ] {
        assert_eq!(
            read_all(&header),
            Err(ProxyError::NoSource),
            "{header:02x?}"
        );
    }
}

#[test]
fn what_is_no_header_is_refused_at_its_first_wrong_byte() {
    for input in [
        &b"\x01\0\0\x02{}"[..],
        b"\x16\x03\x01\x02\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXX",
        b"PROXY\t",
        b"proxy TCP4",
        b"\r\n\r\n\0\r\nQUIX",
        b"\n",
    ] {
        let wrong = (1..=input.len()).find(|&len| header_len(&input[..len]).is_err());
        let expected = (0..input.len()).find(|&at| {
            let start = &input[..=at];
            !LINE_START.starts_with(start) && !SIGNATURE.starts_with(start)
        });
        assert_eq!(wrong, expected.map(|at| at + 1), "{input:02x?}");
        assert_eq!(read_all(input), Err(ProxyError::NoHeader));
    }
}

#[test]
fn lies_are_refused() {
    let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
    let long_unknown = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200], b"\r\n"].concat();
    let giant = [SIGNATURE, &[0x21, 0x11, 0x08, 0x01]].concat();
    for input in [endless, long_unknown, giant] {
        assert_eq!(read_all(&input), Err(ProxyError::TooLong), "{input:02x?}");
    }
    for family in [0x31, 0x32] {
        let input = v2(0x21, family, &[0; 216]);
        assert_eq!(read_all(&input), Err(ProxyError::Family));
    }
    for line in [
        "PROXY \r\n",
        "PROXY \n",
        "PROXY TCP4\r\n",
        "PROXY UNKNOWNTCP4 x\r\n",
        "PROXY TCP5 192.0.2.7 10.0.0.1 40000 3250\r\n",
        "PROXY tcp4 192.0.2.7 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250 \r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 65536\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 -1 3250\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +40000 3250\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4e4 3250\r\n",
        "PROXY TCP4 192.0.2 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 game.example 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 40000 3250\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 40000 3250\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\0\r\n",
        "PROXY TCP4 \u{663} 10.0.0.1 40000 3250\r\n",
    ] {
        assert_eq!(
            read_all(line.as_bytes()),
            Err(ProxyError::Malformed),
            "{line:?}"
        );
    }
    for input in [
        v2(0x11, 0x11, V4),
        v2(0x22, 0x11, V4),
        v2(0x2f, 0x11, V4),
        v2(0xff, 0x11, V4),
        v2(0x21, 0x10, V4),
        v2(0x21, 0x13, V4),
        v2(0x21, 0x41, V4),
        v2(0x21, 0xff, V4),
        // Shorter than the family's addresses.
        v2(0x21, 0x11, b""),
        v2(0x21, 0x11, &V4[..11]),
        v2(0x21, 0x21, V4),
    ] {
        assert_eq!(read_all(&input), Err(ProxyError::Malformed), "{input:02x?}");
    }
}
