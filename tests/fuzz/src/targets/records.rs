//! What servers read of each other: one byte for the kind, then the bytes.
//!
//! Reading is total; what was read is written to bytes that read the same; and an error keeps its code,
//! its text and its metadata on the way from a server to a caller.

use std::fmt::Debug;
use std::time::Duration;

use pitaya::cluster::{Metadata, ServerInfo, wire};
use prost::Message;

use crate::input::Input;
use crate::vectors::{behind, hex, texts, vectors};

const KINDS: [&str; 8] = [
    "protos.Request",
    "protos.Response",
    "protos.Push",
    "protos.KickMsg",
    "protos.KickAnswer",
    "protos.BindMsg",
    "record",
    "metadata",
];

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = usize::from(input.byte_or_zero()) % KINDS.len();
    let bytes = input.rest();
    match KINDS[kind] {
        "protos.Request" => {
            if let Some(request) = travels::<wire::Request>(bytes) {
                metadata(&request.metadata);
            }
        }
        "protos.Response" => {
            if let Some(error) = travels::<wire::Response>(bytes).and_then(|answer| answer.error) {
                let code = if error.code.is_empty() {
                    "PIT-000"
                } else {
                    &error.code
                };
                let (code, text) = (code.to_owned(), error.msg.clone());
                let metadata = error.metadata.clone();
                let error = pitaya::Error::from(error);
                assert_eq!((error.code(), error.message()), (&*code, &*text));
                assert_eq!(error.metadata(), &metadata);
                assert_eq!(wire::Error::from(&error).metadata, metadata);
            }
        }
        "protos.Push" => drop(travels::<wire::Push>(bytes)),
        "protos.KickMsg" => drop(travels::<wire::KickMsg>(bytes)),
        "protos.KickAnswer" => drop(travels::<wire::KickAnswer>(bytes)),
        "protos.BindMsg" => drop(travels::<wire::BindMsg>(bytes)),
        "record" => match ServerInfo::from_record(bytes) {
            Ok(server) => {
                let written = server.to_record();
                assert_eq!(ServerInfo::from_record(written.as_bytes()), Ok(server));
                assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        _ => metadata(bytes),
    }
}

fn travels<T: Message + Default + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let found = T::decode(bytes).ok()?;
    let written = found.encode_to_vec();
    assert_eq!(written.len(), found.encoded_len());
    assert_eq!(T::decode(&*written).as_ref(), Ok(&found));
    Some(found)
}

fn metadata(bytes: &[u8]) {
    let Ok(found) = Metadata::parse(bytes) else {
        return;
    };
    // Once written, it stays as it is. What came may be written otherwise: `1.0` is `1`, as in Go.
    let written = found.to_bytes();
    let again = Metadata::parse(&written).expect("it was written here");
    assert_eq!(again.to_bytes(), written);
    let _ = (
        found.timeout(),
        found.request_id(),
        found.start_time(),
        found.peer_id(),
    );
    assert!(found.trace().all(|(key, _)| {
        found
            .get("otel-span")
            .is_some_and(|span| span.get(key).is_some())
    }));
    let own = ServerInfo {
        id: "own".to_owned(),
        kind: "game".to_owned(),
        frontend: false,
        metadata: Default::default(),
        hostname: String::new(),
    };
    // The next hop hears of this server and this time, whatever came with the call.
    let timeout = Duration::from_millis(1500);
    let next = Metadata::parse(&found.for_call(&own, "game.room.join", timeout).to_bytes());
    let next = next.expect("it was written here");
    assert_eq!(
        (next.peer_id(), next.timeout()),
        (Some("own"), Some(timeout))
    );
}

/// Every recorded call, answer, push, kick and bind, and every record of a server.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in [
        "cluster_nats.json",
        "cluster_nats_variants.json",
        "cluster_nats_crafted.json",
    ] {
        let file = vectors(file);
        for message in objects_with(&file, "payload_hex") {
            let schema = message["schema"].as_str().unwrap_or("protos.Request");
            let payload = message["payload_hex"].as_str().expect("hex digits");
            if let Some(kind) = KINDS.iter().position(|kind| *kind == schema) {
                seeds.push(behind(&[kind as u8], &hex(payload)));
            }
        }
        for text in texts(&file, "reply_hex") {
            seeds.push(behind(&[1], &hex(&text)));
        }
        for text in texts(&file, "metadata_text") {
            seeds.push(behind(&[7], text.as_bytes()));
        }
    }
    seeds.push(behind(&[7], br#"{"otel-span":{"fraction":111111.0}}"#));
    for text in texts(&vectors("etcd.json"), "value") {
        seeds.push(behind(&[6], text.as_bytes()));
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Every object that has this key.
fn objects_with<'v>(value: &'v serde_json::Value, key: &str) -> Vec<&'v serde_json::Value> {
    let children: Vec<_> = match value {
        serde_json::Value::Object(map) => map.values().collect(),
        serde_json::Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    };
    let mut found: Vec<_> = children
        .into_iter()
        .flat_map(|child| objects_with(child, key))
        .collect();
    if value.get(key).is_some() {
        found.push(value);
    }
    found
}
