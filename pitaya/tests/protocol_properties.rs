//! Properties that hold for any input: what is encoded decodes to the same,
//! however it is cut in pieces, and no bytes at all make a decoder panic.

use std::{collections::BTreeMap, time::Duration};

use pitaya::protocol::{
    Dictionary, HandshakeData, HandshakeReply, HandshakeSys, MessageKind, PacketType, Route,
    RouteRef,
    compression::{Deflater, InflateError, Inflater, sniff},
    handshake,
    message::{self, Message},
    packet::{self, HEADER_LEN, MAX_BODY_LEN},
    route,
    websocket::{self, Disposition, Opcode, Reassembly},
};
use proptest::{collection::vec, prelude::*};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

/// Texts that are often almost JSON, some of them not UTF-8.
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\", " ", "\n", "null", "true", "1", "-0.5e3", "1e400",
            "\"sys\"", "\"user\"", "\"platform\":", "\"a\":", "\"libVersion\":\"x\"", "\"text\":\"y\"",
            "\"n\":1", "\\ud83d", "\\ude00", "\\u0041", "\"z\"", "é", "{}", "[]", "{\"b\":1,\"a\":[2,{}]}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn packet_type() -> impl Strategy<Value = PacketType> {
    (1_u8..=5).prop_map(|byte| PacketType::from_byte(byte).unwrap())
}

fn kind() -> impl Strategy<Value = MessageKind> {
    prop::sample::select(vec![
        MessageKind::Request,
        MessageKind::Notify,
        MessageKind::Response,
        MessageKind::Push,
    ])
}

/// A JSON value whose objects have sorted keys, as Go writes them.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Whole numbers come back as integers, as they go out without a point.
        any::<f64>()
            .prop_filter("stays a float", |x| x.is_finite()
                && (x.fract() != 0.0 || x.abs() > 2e19))
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[<>&\u{2028}\u{2029}a-c\"\\\\\u{0}-\u{1f}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A client's frame, masked.
fn client_frame(fin: bool, opcode: Opcode, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    websocket::encode_header(opcode, payload.len(), &mut frame);
    frame[0] = (frame[0] & 0x7f) | (u8::from(fin) << 7);
    frame[1] |= 0x80;
    frame.extend_from_slice(&mask);
    let mut payload = payload.to_vec();
    websocket::unmask(&mut payload, mask, 0);
    frame.extend_from_slice(&payload);
    frame
}

proptest! {
    #[test]
    fn packets_survive_any_segmentation(
        packets in vec((packet_type(), bytes()), 0..8),
        cuts in vec(1_usize..50, 1..40),
    ) {
        let mut wire = Vec::new();
        for (n, (kind, body)) in packets.iter().enumerate() {
            if n % 2 == 0 {
                packet::encode(*kind, body, &mut wire).unwrap();
            } else {
                let mark = packet::begin(*kind, &mut wire);
                wire.extend_from_slice(body);
                packet::finish(mark, &mut wire).unwrap();
            }
        }
        let (mut found, mut pending) = (Vec::new(), Vec::new());
        let mut rest = wire.as_slice();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            rest = after;
            pending.extend_from_slice(piece);
            while let Some((packet, used)) = packet::decode(&pending, MAX_BODY_LEN).unwrap() {
                found.push((packet.kind, packet.body.to_vec()));
                pending.drain(..used);
            }
        }
        prop_assert_eq!(found, packets);
        prop_assert_eq!(packet::end_of_stream(&pending), None);
    }

    #[test]
    fn messages_round_trip(
        kind in kind(),
        id in any::<u64>(),
        name in vec(any::<u8>(), 0..=255),
        code in prop::option::of(any::<u16>()),
        error in any::<bool>(),
        compressed in any::<bool>(),
        body in bytes(),
    ) {
        let route = code.map_or(RouteRef::Name(&name), RouteRef::Code);
        let message = Message { kind, id, route, error, compressed, body: &body };
        let mut wire = Vec::new();
        message::encode(&message, &mut wire).unwrap();
        let has_id = matches!(kind, MessageKind::Request | MessageKind::Response);
        let expected = Message {
            id: if has_id { id } else { 0 },
            route: if kind == MessageKind::Response { RouteRef::EMPTY } else { route },
            ..message
        };
        prop_assert_eq!(message::decode(&wire), Ok(expected));
    }

    #[test]
    fn binary_decoders_are_total(input in bytes(), limit in 0_usize..300) {
        if let Ok(Some((packet, used))) = packet::decode(&input, limit) {
            prop_assert!(used <= input.len() && packet.body.len() <= limit);
        }
        let _ = packet::decode_exact(&input, limit);
        if let Ok(message) = message::decode(&input) {
            prop_assert!(message.body.len() < input.len());
        }
        if let Ok(Some(header)) = websocket::decode_header(&input, limit) {
            // Control frames have a limit of their own.
            let limit = if header.opcode.is_control() { 125 } else { limit };
            prop_assert!(header.header_len <= input.len() && header.payload_len <= limit);
        }
        let _ = websocket::decode_close(&input);
        let _ = websocket::parse_upgrade(&input);
        let request = [b"GET / HTTP/1.1\r\nUpgrade: ", input.as_slice(), b"\r\n\r\n"].concat();
        let _ = websocket::parse_upgrade(&request);
        let _ = Route::parse(&route::text(&input));
        let stream = [&[0x78, 0x9c], input.as_slice()].concat();
        for stream in [&input, &stream] {
            let mut out = Vec::new();
            let result = Inflater::new().inflate(stream, limit, &mut out);
            prop_assert!(out.len() <= limit && (result.is_ok() || out.is_empty()));
        }
    }

    #[test]
    fn text_decoders_are_total(input in json_like()) {
        let _ = HandshakeReply::parse(&input);
        if let Ok(data) = HandshakeData::parse(&input) {
            let stored = data.to_json();
            let again = HandshakeData::parse(stored.as_bytes()).unwrap();
            prop_assert_eq!(again.to_json(), stored);
        }
    }

    #[test]
    fn a_handshake_keeps_what_the_client_says(
        platform in any::<String>(),
        user in prop::collection::btree_map(any::<String>(), json_value(), 0..5),
    ) {
        let sys = HandshakeSys { platform: platform.into(), ..HandshakeSys::default() };
        let packet = handshake::request(&sys, &user).unwrap();
        let data = HandshakeData::parse(&packet[HEADER_LEN..]).unwrap();
        prop_assert_eq!(&data.sys, &sys);
        prop_assert_eq!(data.user_json().is_some(), !user.is_empty());
        for (key, value) in &user {
            prop_assert_eq!(data.user::<serde_json::Value>(key), Some(Ok(value.clone())));
        }
    }

    #[test]
    fn replies_carry_the_dictionary(
        pairs in prop::collection::btree_map("[a-z<&\"日]{1,40}", any::<u16>(), 0..60),
        seconds in 1_u64..1000,
        compress in any::<bool>(),
    ) {
        let mut codes = std::collections::BTreeSet::new();
        let pairs: BTreeMap<_, _> =
            pairs.into_iter().filter(|(_, code)| codes.insert(*code)).collect();
        let dictionary = Dictionary::new(pairs.clone()).unwrap();
        let heartbeat = Duration::from_secs(seconds);
        let mut deflater = Deflater::new();
        let deflater = compress.then_some(&mut deflater);
        let wire = handshake::reply(200, heartbeat, "json", &dictionary, deflater).unwrap();
        prop_assert!(!wire.len().is_multiple_of(1024));
        let packet = packet::decode_exact(&wire, MAX_BODY_LEN).unwrap();
        prop_assert!(compress || !sniff(packet.body));
        let reply = HandshakeReply::parse(packet.body).unwrap();
        prop_assert_eq!(reply.heartbeat_interval(), Some(heartbeat));
        prop_assert_eq!(reply.dictionary.iter().map(|(r, c)| (r.to_owned(), c)).collect::<BTreeMap<_, _>>(), pairs);
    }

    #[test]
    fn inflation_is_capped(
        seed in vec(any::<u8>(), 1..40),
        repeat in 1_usize..400,
        max in 0_usize..20_000,
        flip in prop::option::of((any::<prop::sample::Index>(), 1_u8..=255)),
    ) {
        let body = seed.repeat(repeat);
        let mut stream = Vec::new();
        if !Deflater::new().compress(&body, &mut stream) {
            prop_assert!(stream.is_empty());
            return Ok(());
        }
        prop_assert!(stream.len() < body.len());
        if let Some((at, bits)) = flip {
            let at = at.index(stream.len());
            stream[at] ^= bits;
        }
        let mut out = Vec::new();
        let result = Inflater::new().inflate(&stream, max, &mut out);
        prop_assert!(out.capacity() <= max + 4096);
        match result {
            Ok(()) => prop_assert_eq!(out, body),
            Err(error) => {
                prop_assert!(out.is_empty());
                if flip.is_none() {
                    prop_assert!(body.len() > max);
                    prop_assert_eq!(error, InflateError::OverLimit { limit: max });
                }
            }
        }
    }

    #[test]
    fn fragmented_frames_make_the_message_again(
        parts in vec(bytes(), 1..6),
        mask in any::<[u8; 4]>(),
        text in any::<bool>(),
    ) {
        let mut wire = Vec::new();
        for (n, part) in parts.iter().enumerate() {
            let opcode = match (n, text) {
                (0, true) => Opcode::Text,
                (0, false) => Opcode::Binary,
                _ => Opcode::Continuation,
            };
            wire.extend(client_frame(n + 1 == parts.len(), opcode, mask, part));
            if n + 1 < parts.len() {
                wire.extend(client_frame(true, Opcode::Ping, mask, b"ping"));
            }
        }
        let (mut state, mut found) = (Reassembly::new(), Vec::new());
        let mut rest = wire.as_mut_slice();
        let mut ended = false;
        while let Some(header) = websocket::decode_header(rest, 1000).unwrap() {
            prop_assert!(!ended);
            let (_, after) = std::mem::take(&mut rest).split_at_mut(header.header_len);
            let (payload, after) = after.split_at_mut(header.payload_len);
            rest = after;
            websocket::unmask(payload, header.mask, 0);
            match state.accept(&header, 10_000).unwrap() {
                Disposition::Ping => prop_assert_eq!(&*payload, b"ping"),
                Disposition::Fragment => found.extend_from_slice(payload),
                Disposition::Message | Disposition::LastFragment => {
                    found.extend_from_slice(payload);
                    ended = true;
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(ended && rest.is_empty());
        prop_assert_eq!(found, parts.concat());
        prop_assert_eq!(state, Reassembly::new());
    }
}
