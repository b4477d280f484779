//! Recorded etcd records: what Go servers wrote reads as they meant it, and what this crate writes
//! is the same bytes, except where Go writes `null` for an empty map.

use pitaya::cluster::ServerInfo;
use serde_json::Value;

/// Every key and value of a server in the recording.
fn records() -> Vec<(String, String)> {
    let text = include_str!("vectors/etcd.json");
    let file: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let mut records = Vec::new();
    for part in file["parts"].as_array().expect("parts") {
        let listed = [&part["keys"], &part["events"]];
        for entry in listed.iter().filter_map(|list| list.as_array()).flatten() {
            let key = entry["key"].as_str().expect("a key");
            if let (true, Some(value)) =
                (key.starts_with("pitaya/servers/"), entry["value"].as_str())
            {
                records.push((key.to_owned(), value.to_owned()));
            }
        }
    }
    records
}

#[test]
fn recorded_records_read_and_write_the_same() {
    let records = records();
    assert!(records.len() >= 8, "{} records", records.len());
    for (key, record) in records {
        let server = ServerInfo::from_record(record.as_bytes()).expect("Go wrote it");
        assert_eq!(format!("pitaya/servers/{}/{}", server.kind, server.id), key);
        assert_eq!(server.frontend, server.kind == "connector");
        let expected = record.replace("\"metadata\":null", "\"metadata\":{}");
        assert_eq!(server.to_record(), expected);
    }
}

#[test]
fn recorded_metadata_is_read_with_its_escapes() {
    let find = |part: &str| {
        let found = records()
            .into_iter()
            .find(|(_, record)| record.contains(part));
        ServerInfo::from_record(found.expect("recorded").1.as_bytes())
            .expect("Go wrote it")
            .metadata
    };
    let free = find("stack");
    let entries: Vec<_> = free
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        entries,
        [
            ("b<>&", "a\u{2028} \u{e9} \" \\"),
            ("empty", ""),
            ("stack", "blue")
        ]
    );
    assert_eq!(find("grpcHost")["grpcHost"], "127.0.0.1");
}
