//! Recorded bytes: what the original framework's encoders wrote and what its
//! decoders made of good and bad input. Where this crate answers differently
//! on purpose, the test names the vector and says why.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use pitaya::protocol::{
    Dictionary, HandshakeData, HandshakeReply, MessageKind, PacketType, RouteRef,
    compression::{Deflater, Inflater, sniff},
    handshake,
    message::{self, Message},
    packet::{self, HEADER_LEN, MAX_BODY_LEN, PacketError},
};
use serde::{Deserialize, de::DeserializeOwned};

fn load<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
struct Repeat {
    byte_hex: String,
    count: usize,
}

impl Repeat {
    fn bytes(&self) -> Vec<u8> {
        unhex(&self.byte_hex).repeat(self.count)
    }
}

/// Bytes given either in hex or as one byte many times.
fn bytes_of(hex: &Option<String>, repeat: &Option<Repeat>) -> Vec<u8> {
    match (hex, repeat) {
        (Some(hex), None) => unhex(hex),
        (None, Some(repeat)) => repeat.bytes(),
        _ => panic!("neither or both forms"),
    }
}

mod packets {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        encode: Vec<Encode>,
        decode_buffer: Vec<Decode>,
        decode_tcp_stream: Vec<Decode>,
        decode_websocket: Vec<Decode>,
    }

    #[derive(Deserialize)]
    struct Encode {
        name: String,
        r#type: u8,
        body_hex: Option<String>,
        body_repeat: Option<Repeat>,
        wire_hex: Option<String>,
        wire_header_hex: Option<String>,
        wire_len: Option<usize>,
        error: Option<Text>,
    }

    #[derive(Deserialize)]
    struct Decode {
        name: String,
        wire_hex: Option<String>,
        #[serde(default)]
        frames_hex: Vec<String>,
        packets: Vec<Expected>,
        error: Option<Text>,
        end: Option<Text>,
    }

    #[derive(Deserialize)]
    struct Expected {
        r#type: u8,
        body_hex: String,
    }

    type Packets = Vec<(PacketType, Vec<u8>)>;

    impl Decode {
        fn expected(&self) -> Packets {
            self.packets
                .iter()
                .map(|packet| {
                    let kind = PacketType::from_byte(packet.r#type).unwrap();
                    (kind, unhex(&packet.body_hex))
                })
                .collect()
        }

        fn wire(&self) -> Vec<u8> {
            unhex(self.wire_hex.as_deref().unwrap_or(""))
        }
    }

    /// Feeds a stream in pieces of `step` bytes, as a connection would.
    fn drain(wire: &[u8], step: usize) -> (Packets, Vec<u8>, Option<PacketError>) {
        let (mut packets, mut pending) = (Vec::new(), Vec::new());
        for piece in wire.chunks(step.max(1)) {
            pending.extend_from_slice(piece);
            loop {
                match packet::decode(&pending, MAX_BODY_LEN) {
                    Ok(Some((packet, used))) => {
                        packets.push((packet.kind, packet.body.to_vec()));
                        pending.drain(..used);
                    }
                    Ok(None) => break,
                    Err(error) => return (packets, pending, Some(error)),
                }
            }
        }
        (packets, pending, None)
    }

    #[test]
    fn encode() {
        let file: File = load("packets.json");
        assert_eq!(file.encode.len(), 24);
        for vector in file.encode {
            let body = bytes_of(&vector.body_hex, &vector.body_repeat);
            let mut wire = b"kept".to_vec();
            let result = match PacketType::from_byte(vector.r#type) {
                Some(kind) => packet::encode(kind, &body, &mut wire),
                None => Err(PacketError::WrongType),
            };
            let written = wire.split_off(4);
            assert_eq!(wire, b"kept");
            // The original writes a header that says 0 here; a stream could not
            // be read any further.
            let error = if vector.name == "data_2_pow_24" {
                Some("codec: packet size exceed")
            } else {
                vector.error.as_ref().map(|error| error.text.as_str())
            };
            if let Some(error) = error {
                assert_eq!(result.unwrap_err().to_string(), error, "{}", vector.name);
                assert!(written.is_empty(), "{}", vector.name);
                continue;
            }
            result.unwrap();
            if let Some(expected) = &vector.wire_hex {
                assert_eq!(written, unhex(expected), "{}", vector.name);
            } else {
                let header = unhex(vector.wire_header_hex.as_deref().unwrap());
                assert_eq!(written[..HEADER_LEN], header, "{}", vector.name);
                assert_eq!(Some(written.len()), vector.wire_len, "{}", vector.name);
                assert_eq!(written[HEADER_LEN..], body, "{}", vector.name);
            }
        }
    }

    #[test]
    fn decode_buffer() {
        let file: File = load("packets.json");
        assert_eq!(file.decode_buffer.len(), 23);
        for vector in file.decode_buffer {
            let wire = vector.wire();
            let (mut packets, _, error) = drain(&wire, wire.len());
            if error.is_some() {
                // The original forgets good packets in the same buffer.
                packets.clear();
            }
            assert_eq!(packets, vector.expected(), "{}", vector.name);
            let expected = vector.error.map(|error| error.text);
            assert_eq!(
                error.map(|error| error.to_string()),
                expected,
                "{}",
                vector.name
            );
        }
    }

    #[test]
    fn decode_tcp_stream() {
        let file: File = load("packets.json");
        assert_eq!(file.decode_tcp_stream.len(), 14);
        for vector in file.decode_tcp_stream {
            let wire = vector.wire();
            for step in [wire.len(), 1, 3] {
                let (packets, rest, error) = drain(&wire, step);
                assert_eq!(packets, vector.expected(), "{} by {step}", vector.name);
                let end = match error.or_else(|| packet::end_of_stream(&rest)) {
                    Some(error) => error.to_string(),
                    None => "client connection closed".to_owned(),
                };
                let expected = vector.end.as_ref().unwrap();
                assert_eq!(end, expected.text, "{} by {step}", vector.name);
            }
        }
    }

    #[test]
    fn decode_websocket() {
        let file: File = load("packets.json");
        assert_eq!(file.decode_websocket.len(), 8);
        for vector in file.decode_websocket {
            let mut packets = Vec::new();
            let mut end = "websocket: close 1000 (normal)".to_owned();
            for frame in &vector.frames_hex {
                match packet::decode_exact(&unhex(frame), MAX_BODY_LEN) {
                    Ok(packet) => packets.push((packet.kind, packet.body.to_vec())),
                    Err(error) => {
                        end = error.to_string();
                        break;
                    }
                }
            }
            assert_eq!(packets, vector.expected(), "{}", vector.name);
            assert_eq!(end, vector.end.as_ref().unwrap().text, "{}", vector.name);
        }
    }
}

mod messages {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        dictionary: BTreeMap<String, u16>,
        encode: Vec<Encode>,
        decode: Vec<Decode>,
    }

    #[derive(Deserialize)]
    struct Encode {
        name: String,
        r#type: String,
        id: String,
        route: Option<String>,
        route_repeat: Option<Repeat>,
        err: bool,
        data_compression: bool,
        body_hex: Option<String>,
        body_repeat: Option<Repeat>,
        wire_hex: Option<String>,
        deflated_body_hex: Option<String>,
    }

    #[derive(Deserialize)]
    struct Decode {
        name: String,
        input_hex: String,
        r#type: Option<String>,
        id: Option<String>,
        route: Option<String>,
        route_hex: Option<String>,
        err: Option<bool>,
        body_hex: Option<String>,
        body_repeat: Option<Repeat>,
        error: Option<Text>,
        #[serde(default)]
        go_panics: bool,
    }

    fn kind(name: &str) -> Option<MessageKind> {
        Some(match name {
            "request" => MessageKind::Request,
            "notify" => MessageKind::Notify,
            "response" => MessageKind::Response,
            "push" => MessageKind::Push,
            _ => return None,
        })
    }

    fn inflate(body: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        match Inflater::new().inflate(body, MAX_BODY_LEN, &mut out) {
            Ok(()) => Ok(out),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The encoder of an agent: dictionary and compression around the codec.
    fn encode_with(vector: &Encode, dictionary: &Dictionary) -> Result<Vec<u8>, String> {
        let kind = kind(&vector.r#type).ok_or("wrong message type")?;
        let body = bytes_of(&vector.body_hex, &vector.body_repeat);
        let route = match &vector.route_repeat {
            Some(repeat) => String::from_utf8(repeat.bytes()).unwrap(),
            None => vector.route.clone().unwrap_or_default(),
        };
        let route = match dictionary.code(&route) {
            Some(code) => RouteRef::Code(code),
            None => RouteRef::Name(route.as_bytes()),
        };
        let mut deflated = Vec::new();
        let compressed = vector.data_compression && Deflater::new().compress(&body, &mut deflated);
        let message = Message {
            kind,
            id: vector.id.parse().unwrap(),
            route,
            error: vector.err,
            compressed,
            body: if compressed { &deflated } else { &body },
        };
        let mut wire = Vec::new();
        message::encode(&message, &mut wire).map_err(|error| error.to_string())?;
        Ok(wire)
    }

    #[test]
    fn encode() {
        let file: File = load("messages.json");
        assert_eq!(file.encode.len(), 89);
        let dictionary = Dictionary::new(file.dictionary).unwrap();
        let mut compressed = 0;
        for vector in &file.encode {
            let name = vector.name.as_str();
            let wire = encode_with(vector, &dictionary);
            if let "type_4" | "type_255" = name {
                assert_eq!(wire, Err("wrong message type".into()), "{name}");
                continue;
            }
            // The original writes a length byte that does not fit the route.
            if let "push_route_len_256" | "push_route_len_257" = name {
                assert!(wire.unwrap_err().contains("longer than 255"), "{name}");
                continue;
            }
            let wire = wire.unwrap();
            let mut expected = unhex(vector.wire_hex.as_deref().unwrap());
            if name == "response_with_dict_route" {
                // A response has no route, so nothing says that it is a code.
                expected[0] &= !1;
            }
            if wire == expected {
                continue;
            }
            // Only the compressed bytes may differ: no two compressors agree.
            assert!(vector.data_compression, "{name}");
            assert!(wire.len() <= expected.len(), "{name}");
            let ours = message::decode(&wire).unwrap();
            let theirs = message::decode(&expected).unwrap();
            assert!(ours.compressed, "{name}");
            assert_eq!(
                (ours.kind, ours.id, ours.route, ours.error),
                (theirs.kind, theirs.id, theirs.route, theirs.error),
                "{name}"
            );
            let body = bytes_of(&vector.body_hex, &vector.body_repeat);
            assert_eq!(inflate(ours.body), Ok(body.clone()), "{name}");
            if let Some(deflated) = &vector.deflated_body_hex {
                assert_eq!(inflate(&unhex(deflated)), Ok(body), "{name}");
            }
            compressed += 1;
        }
        assert!(compressed > 0);
    }

    #[test]
    fn decode() {
        let file: File = load("messages.json");
        assert_eq!(file.decode.len(), 146);
        let dictionary = Dictionary::new(file.dictionary).unwrap();
        for vector in &file.decode {
            let name = vector.name.as_str();
            let input = unhex(&vector.input_hex);
            let outcome = message::decode(&input).map_err(|error| error.to_string());
            // The first ends a Go process. In the others no byte ends the id;
            // Go then reads the id's bytes a second time.
            let unterminated = [
                "request_unterminated_id_reparsed",
                "response_unterminated_id",
                "response_unterminated_id_long",
            ];
            if vector.go_panics || unterminated.contains(&name) {
                assert_eq!(outcome, Err("invalid message".into()), "{name}");
                continue;
            }
            let outcome = outcome.and_then(|message| {
                let route = match message.route {
                    RouteRef::Name(route) => route,
                    RouteRef::Code(code) => dictionary
                        .route(code)
                        .ok_or_else(|| message::MessageError::RouteInfoNotFound.to_string())?
                        .as_bytes(),
                };
                let body = if message.compressed {
                    inflate(message.body)?
                } else {
                    message.body.to_vec()
                };
                Ok((
                    message.kind,
                    message.id,
                    route.to_vec(),
                    message.error,
                    body,
                ))
            });
            let expected = match &vector.error {
                Some(error) => Err(error.text.clone()),
                None => Ok((
                    kind(vector.r#type.as_deref().unwrap()).unwrap(),
                    vector.id.as_deref().unwrap().parse().unwrap(),
                    match &vector.route_hex {
                        Some(hex) => unhex(hex),
                        None => vector.route.clone().unwrap().into_bytes(),
                    },
                    vector.err.unwrap(),
                    bytes_of(&vector.body_hex, &vector.body_repeat),
                )),
            };
            assert_eq!(outcome, expected, "{name}");
        }
    }
}

mod handshakes {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        responses: Vec<Response>,
        client_handshakes: Vec<ClientHandshake>,
    }

    #[derive(Deserialize)]
    struct Response {
        name: String,
        serializer: String,
        compression: bool,
        heartbeat_ms: u64,
        dictionary: BTreeMap<String, u16>,
        wire_hex: String,
        deflated: bool,
        json_text: String,
        error_wire_hex: String,
        error_deflated: bool,
        error_json_text: String,
    }

    #[derive(Deserialize)]
    struct ClientHandshake {
        name: String,
        body_text: Option<String>,
        body_hex: Option<String>,
        outcome: String,
        stored_json: Option<String>,
    }

    /// The JSON of a handshake packet, and whether it was compressed.
    fn json_of(wire: &[u8]) -> (String, bool) {
        let packet = packet::decode_exact(wire, MAX_BODY_LEN).unwrap();
        assert_eq!(packet.kind, PacketType::Handshake);
        let deflated = sniff(packet.body);
        let mut text = Vec::new();
        if deflated {
            Inflater::new()
                .inflate(packet.body, MAX_BODY_LEN, &mut text)
                .unwrap();
        } else {
            text.extend_from_slice(packet.body);
        }
        (String::from_utf8(text).unwrap(), deflated)
    }

    #[test]
    fn responses() {
        let file: File = load("handshake.json");
        assert_eq!(file.responses.len(), 14);
        for vector in file.responses {
            let name = &vector.name;
            let dictionary = Dictionary::new(vector.dictionary).unwrap();
            let heartbeat = Duration::from_millis(vector.heartbeat_ms);
            for (code, wire_hex, deflated, json) in [
                (200, &vector.wire_hex, vector.deflated, &vector.json_text),
                (
                    400,
                    &vector.error_wire_hex,
                    vector.error_deflated,
                    &vector.error_json_text,
                ),
            ] {
                let mut deflater = Deflater::new();
                let deflater = vector.compression.then_some(&mut deflater);
                let wire =
                    handshake::reply(code, heartbeat, &vector.serializer, &dictionary, deflater)
                        .unwrap();
                let expected = unhex(wire_hex);
                assert_eq!(json_of(&expected), (json.clone(), deflated), "{name}");
                if deflated {
                    assert_eq!(json_of(&wire), (json.clone(), true), "{name}");
                    assert!(wire.len() <= expected.len(), "{name}");
                } else {
                    assert_eq!(wire, expected, "{name}");
                }
                let reply = HandshakeReply::parse(&expected[HEADER_LEN..]).unwrap();
                assert_eq!(reply.code, code, "{name}");
                assert_eq!(reply.heartbeat_interval(), Some(heartbeat), "{name}");
                assert_eq!(reply.serializer, vector.serializer, "{name}");
                assert_eq!(reply.dictionary, dictionary, "{name}");
            }
        }
    }

    /// A handshake whose brackets are `depth` levels deep.
    fn nested(depth: usize) -> Vec<u8> {
        let lists = depth - 2;
        let text = format!(
            "{{\"user\":{{\"a\":{}{}}}}}",
            "[".repeat(lists),
            "]".repeat(lists)
        );
        text.into_bytes()
    }

    #[test]
    fn client_handshakes() {
        let file: File = load("handshake.json");
        assert_eq!(file.client_handshakes.len(), 51);
        for vector in file.client_handshakes {
            let name = vector.name.as_str();
            let body = match (&vector.body_text, &vector.body_hex, name) {
                (Some(text), None, _) => text.clone().into_bytes(),
                (None, Some(hex), _) => unhex(hex),
                (None, None, "nested_10000") => nested(10_000),
                (None, None, "nested_10001") => nested(10_001),
                _ => panic!("{name} has no body"),
            };
            let parsed = HandshakeData::parse(&body);
            // This one is refused by a validator of the application.
            let accepted = vector.outcome == "accepted" || name == "validator_refuses";
            assert_eq!(parsed.is_ok(), accepted, "{name}: {parsed:?}");
            if let Some(stored) = &vector.stored_json {
                assert_eq!(&parsed.unwrap().to_json(), stored, "{name}");
            } else if name == "nested_10000" {
                assert_eq!(body.len(), 20_011);
                let user = parsed.unwrap().user_json().unwrap();
                assert_eq!(user.len(), body.len() - r#"{"user":}"#.len());
            }
        }
    }
}

/// Rows worked out by hand in the protocol's description, beside the recordings.
mod documented {
    use super::*;

    const ERROR_404: &str =
        r#"{"code":"PIT-404","msg":"pitaya/handler: connector.foo.bar not found"}"#;

    #[track_caller]
    fn check(kind: MessageKind, id: u64, route: RouteRef<'_>, body: &[u8], expected: &str) {
        let message = Message {
            kind,
            id,
            route,
            error: body == ERROR_404.as_bytes(),
            compressed: false,
            body,
        };
        let mut wire = Vec::new();
        let mark = packet::begin(PacketType::Data, &mut wire);
        message::encode(&message, &mut wire).unwrap();
        packet::finish(mark, &mut wire).unwrap();
        assert_eq!(wire, unhex(&expected.replace(' ', "")));
        let decoded = packet::decode_exact(&wire, MAX_BODY_LEN).unwrap();
        assert_eq!(message::decode(decoded.body), Ok(message));
    }

    #[test]
    fn data_packets() {
        use {MessageKind::*, RouteRef::*};
        check(
            Request,
            1,
            Name(b"room.room.entry"),
            b"{}",
            "04000014 00 01 0f 726f6f6d2e726f6f6d2e656e747279 7b7d",
        );
        check(
            Request,
            2,
            Name(b"connector.docs.docs"),
            b"",
            "04000016 00 02 13 636f6e6e6563746f722e646f63732e646f6373",
        );
        check(Request, 1, Code(300), b"{}", "04000006 01 01 012c 7b7d");
        check(
            Notify,
            0,
            Name(b"room.message"),
            br#"{"a":1}"#,
            "04000015 02 0c 726f6f6d2e6d657373616765 7b2261223a317d",
        );
        check(
            Response,
            1,
            RouteRef::EMPTY,
            br#"{"result":"ok"}"#,
            "04000011 04 01 7b22726573756c74223a226f6b227d",
        );
        check(
            Response,
            3,
            RouteRef::EMPTY,
            ERROR_404.as_bytes(),
            "04000048 24 03 7b22636f6465223a225049542d343034222c226d7367223a227069746179612f68\
             616e646c65723a20636f6e6e6563746f722e666f6f2e626172206e6f7420666f756e64227d",
        );
        check(
            Push,
            0,
            Name(b"onMessage"),
            br#"{"content":"hi"}"#,
            "0400001b 06 09 6f6e4d657373616765 7b22636f6e74656e74223a226869227d",
        );
        check(
            Push,
            0,
            Code(1),
            br#"{"content":"hi"}"#,
            "04000013 07 0001 7b22636f6e74656e74223a226869227d",
        );
        for (id, expected) in [
            (1, "04000002 04 01"),
            (129, "04000003 04 8101"),
            (300, "04000003 04 ac02"),
            (u64::from(u32::MAX), "04000006 04 ffffffff0f"),
            (u64::MAX, "0400000b 04 ffffffffffffffffff01"),
        ] {
            check(Response, id, RouteRef::EMPTY, b"", expected);
        }
    }

    #[test]
    fn messages_without_a_packet() {
        use {MessageKind::*, RouteRef::*};
        for (kind, route, error, body, expected) in [
            (Request, Name(b"a"), false, &b""[..], "00000161"),
            (Request, Code(1), false, b"", "01000001"),
            (Notify, Name(b"a"), false, b"", "020161"),
            (Notify, Code(1), false, b"", "030001"),
            (Push, Name(b"a"), false, b"", "060161"),
            (Push, Code(1), false, b"", "070001"),
            (Response, RouteRef::EMPTY, false, b"", "0400"),
            (Response, RouteRef::EMPTY, false, b"\x01", "040001"),
            (Response, RouteRef::EMPTY, true, b"\x01", "240001"),
        ] {
            let message = Message {
                kind,
                id: 0,
                route,
                error,
                compressed: false,
                body,
            };
            let mut wire = Vec::new();
            message::encode(&message, &mut wire).unwrap();
            assert_eq!(wire, unhex(expected));
            assert_eq!(message::decode(&wire), Ok(message));
        }
    }

    #[test]
    fn streams_of_other_compressors() {
        for (stream, expected) in [
            ("789c2a492d2e01040000ffff045d01c1", "test".to_owned()),
            ("789c4aca49240601020000ffff33ff0f64", "bla".repeat(13)),
            ("789c4a241200020000ffff36eb0f29", "a".repeat(40)),
            (
                "789cab5672492c4954b2aa56ca4bcc4d55b2520a201228d5d6020037f712cc",
                format!(r#"{{"Data":{{"name":"{}"}}}}"#, "P".repeat(40)),
            ),
        ] {
            let mut out = Vec::new();
            Inflater::new()
                .inflate(&unhex(stream), 1000, &mut out)
                .unwrap();
            assert_eq!(String::from_utf8(out), Ok(expected));
        }
    }

    #[test]
    fn handshakes_of_known_clients() {
        for (client, platform, lib_version) in [
            (
                r#"{"sys":{"platform":"desktop","libVersion":"4.6.2-","clientBuildNumber":"1","clientVersion":"0.1"}}"#,
                "desktop",
                "4.6.2-",
            ),
            (
                r#"{"sys":{"type":"js-websocket","version":"0.0.1","rsa":{}}}"#,
                "",
                "",
            ),
        ] {
            let data = HandshakeData::parse(client.as_bytes()).unwrap();
            assert_eq!(&*data.sys.platform, platform);
            assert_eq!(&*data.sys.lib_version, lib_version);
            assert_eq!(data.user_json(), None);
        }
    }
}
