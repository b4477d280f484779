//! The model itself, held against what a server of the original framework really did.
#![allow(missing_docs)]

use fuzz_tests::model::{self, End, Message};
use fuzz_tests::vectors;
use serde_json::Value;

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn hex_of(row: &Value, key: &str) -> Vec<u8> {
    hex(row[key].as_str().unwrap_or_default())
}

fn rows(file: &str, list: &str) -> Vec<Value> {
    vectors(file)[list].as_array().expect("a list").clone()
}

fn packets_of(row: &Value) -> Vec<(u8, Vec<u8>)> {
    let packets = row["packets"].as_array().expect("packets").iter();
    packets
        .map(|packet| {
            let kind = packet["type"].as_u64().expect("a type");
            (kind as u8, hex_of(packet, "body_hex"))
        })
        .collect()
}

#[test]
fn streams_of_packets_are_read_as_recorded() {
    let rows = rows("packets.json", "decode_tcp_stream");
    assert!(rows.len() >= 14);
    for row in rows {
        let (packets, end) = model::packets(&hex_of(&row, "wire_hex"), (1 << 24) - 1);
        let text = row["end"]["text"].as_str().expect("an end");
        let expected = match text {
            "client connection closed" => End::Clean,
            text => End::Error(text.to_owned()),
        };
        assert_eq!((packets, end), (packets_of(&row), expected), "{row}");
    }
}

#[test]
fn websocket_messages_are_read_as_recorded() {
    let rows = rows("packets.json", "decode_websocket");
    assert!(rows.len() >= 8);
    for row in rows {
        let frames = row["frames_hex"].as_array().expect("frames").iter();
        let read = frames.map(|frame| {
            model::only_packet(&hex(frame.as_str().expect("hex digits")), (1 << 24) - 1)
        });
        let (good, bad): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        let good: Vec<_> = good.into_iter().flatten().collect();
        assert_eq!(good, packets_of(&row), "{row}");
        let text = row["end"]["text"].as_str().expect("an end");
        let error = bad.into_iter().find_map(Result::err);
        assert_eq!(
            error.unwrap_or_else(|| "websocket: close 1000 (normal)".into()),
            text
        );
    }
}

#[test]
fn messages_are_read_as_recorded() {
    let file = vectors("messages.json");
    let code = |route: &str| file["dictionary"][route].as_u64();
    let mut read = 0;
    for row in rows("messages.json", "decode") {
        let found = model::message(&hex_of(&row, "input_hex"));
        let name = row["name"].as_str().expect("a name");
        let twice = name.contains("unterminated_id");
        if twice || !row["go_panics"].is_null() {
            // What is not reproduced: a process that ends, and an id that is read twice.
            assert_eq!(found, Err("invalid message"), "{row}");
            continue;
        }
        match row["error"]["text"].as_str() {
            // These come from what is behind the decoder: the dictionary and the inflater.
            Some(text) if text.starts_with("route info") => {
                let Message { route, .. } = found.expect("it can be read");
                assert!(route.is_err(), "{row}");
            }
            Some(text) if !text.contains("message") => {
                assert!(found.expect("it can be read").compressed, "{row}");
            }
            Some(text) => assert_eq!(found, Err(text), "{row}"),
            None => {
                let found = found.unwrap_or_else(|error| panic!("{error}: {row}"));
                let kinds = ["request", "notify", "response", "push"];
                assert_eq!(kinds[usize::from(found.kind)], row["type"], "{row}");
                assert_eq!(found.id.to_string(), row["id"], "{row}");
                assert_eq!(found.error, row["err"], "{row}");
                match (&found.route, row["route"].as_str()) {
                    (Ok(route), Some(text)) => assert_eq!(route, text.as_bytes(), "{row}"),
                    (Err(found), Some(text)) => assert_eq!(code(text), Some((*found).into())),
                    (Ok(route), None) => assert_eq!(*route, hex_of(&row, "route_hex"), "{row}"),
                    (Err(found), None) => panic!("{found}: {row}"),
                }
                if !found.compressed && row["body_repeat"].is_null() {
                    assert_eq!(found.body, hex_of(&row, "body_hex"), "{row}");
                }
                read += 1;
            }
        }
    }
    assert!(read >= 100, "{read} messages");
}

/// RFC 6455, 5.7.
#[test]
fn the_frames_of_the_standard_are_read() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let (packets, pings, end) = model::frames(hello, 100);
    // Masked text, and no packet.
    assert_eq!(
        (packets.len(), pings.len(), end),
        (0, 0, model::WsEnd::Broken(1002))
    );
    let ping = b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    let (_, pings, end) = model::frames(ping, 100);
    assert_eq!((pings, end), (vec![b"Hello".to_vec()], model::WsEnd::Clean));
    let beat = b"\x02\x81\0\0\0\0\x03\x80\x83\0\0\0\0\0\0\0\x88\x80\0\0\0\0";
    let (packets, _, end) = model::frames(beat, 100);
    assert_eq!((packets, end), (vec![3, 0, 0, 0], model::WsEnd::Closed));
}
