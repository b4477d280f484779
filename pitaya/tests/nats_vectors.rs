//! Recorded messages between Go servers: each reads as it was meant and is written as the same
//! bytes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use pitaya::cluster::Metadata;
use pitaya::cluster::wire::{BindMsg, KickMsg, Push, Request, Response};
use prost::Message;
use serde_json::Value;

const FILES: [&str; 2] = [
    include_str!("vectors/cluster_nats.json"),
    include_str!("vectors/cluster_nats_variants.json"),
];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).expect("hex") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Every object below `value` that has these keys.
fn find<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            if keys.iter().all(|key| map.contains_key(*key)) {
                found.push(value);
            }
            map.values().for_each(|value| find(value, keys, found));
        }
        Value::Array(values) => values.iter().for_each(|value| find(value, keys, found)),
        _ => {}
    }
}

/// Decodes and encodes again. A map of several entries may come in any order.
fn round_trip<T: Message + Default + PartialEq + Debug>(
    bytes: &[u8],
    ordered: impl Fn(&T) -> bool,
) -> T {
    let message = T::decode(bytes).expect("Go wrote it");
    let again = message.encode_to_vec();
    if ordered(&message) {
        assert_eq!(again, bytes, "{message:?}");
    }
    assert_eq!(T::decode(&*again).expect("we wrote it"), message);
    message
}

#[test]
fn recorded_messages_read_and_write_the_same() {
    let mut counts = BTreeMap::new();
    for file in FILES {
        let file: Value = serde_json::from_str(file).expect("the vectors are JSON");
        let mut messages = Vec::new();
        find(&file, &["subject", "schema", "payload_hex"], &mut messages);
        for message in messages {
            let text = |key: &str| message[key].as_str().unwrap_or_default();
            let (schema, bytes) = (text("schema"), hex(text("payload_hex")));
            match schema {
                "protos.Request" => {
                    let request = round_trip::<Request>(&bytes, |_| true);
                    let msg = request.msg.expect("always there");
                    assert_eq!(
                        msg.route,
                        message["decoded"]["msg"]["route"]
                            .as_str()
                            .unwrap_or_default()
                    );
                    let metadata = Metadata::parse(&request.metadata).expect("a JSON object");
                    assert_eq!(
                        metadata.peer_id(),
                        message["metadata_json"]["peer.id"].as_str()
                    );
                    assert!(metadata.timeout().is_some());
                }
                "protos.Response" => {
                    let several = |response: &Response| {
                        response
                            .error
                            .as_ref()
                            .is_none_or(|error| error.metadata.len() < 2)
                    };
                    let response = round_trip::<Response>(&bytes, several);
                    let error = &message["decoded"]["error"];
                    assert_eq!(response.error.is_some(), error.is_object());
                    let msg = response.error.map(|error| error.msg).unwrap_or_default();
                    assert_eq!(msg, error["msg"].as_str().unwrap_or_default());
                }
                "protos.Push" => {
                    let push = round_trip::<Push>(&bytes, |_| true);
                    assert_eq!(
                        text("subject"),
                        format!("pitaya/connector/user/{}/push", push.uid)
                    );
                }
                "protos.KickMsg" => {
                    let kick = round_trip::<KickMsg>(&bytes, |_| true);
                    assert_eq!(
                        text("subject"),
                        format!("pitaya/connector/user/{}/kick", kick.user_id)
                    );
                }
                "protos.BindMsg" => {
                    let bind = round_trip::<BindMsg>(&bytes, |_| true);
                    assert_eq!(
                        (text("subject"), bind.epoch),
                        ("pitaya/connector/bindings", 0)
                    );
                }
                other => panic!("an unknown schema: {other}"),
            }
            *counts.entry(schema.to_owned()).or_insert(0) += 1;
        }
    }
    let counts: Vec<_> = counts
        .iter()
        .map(|(schema, count)| format!("{schema} {count}"))
        .collect();
    expect_test::expect![[r#"
        protos.BindMsg 5
        protos.KickMsg 4
        protos.Push 10
        protos.Request 91
        protos.Response 90"#]]
    .assert_eq(&counts.join("\n"));
}

/// Requests made by hand, among them those that end a Go server: none ends a test.
#[test]
fn crafted_requests_are_survived() {
    let file = include_str!("vectors/cluster_nats_crafted.json");
    let file: Value = serde_json::from_str(file).expect("the vectors are JSON");
    let mut crafted = Vec::new();
    find(&file, &["name", "to", "payload_hex"], &mut crafted);
    assert_eq!(crafted.len(), 60);
    for vector in crafted {
        let name = &vector["name"];
        let decoded = Request::decode(&*hex(vector["payload_hex"].as_str().unwrap_or_default()));
        assert_eq!(decoded.is_ok(), vector["decoded"].is_object(), "{name}");
        if let Ok(request) = decoded {
            // Read or refused, never more than that.
            let _ = Metadata::parse(&request.metadata).map(|metadata| metadata.timeout());
        }
        if let Some(reply) = vector["reply_hex"].as_str() {
            Response::decode(&*hex(reply)).expect("Go wrote it");
        }
    }
}
