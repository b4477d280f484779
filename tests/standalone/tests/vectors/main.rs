//! What a server of the original framework sent and received, replayed against an app of ours.
#![allow(missing_docs)]

mod errors;
mod exceptions;
mod exchanges;
mod heartbeats;
mod recorder;

use serde_json::Value;

/// One recorded file; the files are beside the protocol's own tests.
fn vectors(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pitaya/tests/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("the vectors are there");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

/// The rows of one list in a file.
fn rows(file: &str, list: &str) -> Vec<Value> {
    vectors(file)[list].as_array().expect("a list").clone()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key]
        .as_str()
        .unwrap_or_else(|| panic!("{row} has no text `{key}`"))
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Every element of a list of hex texts.
fn hexes(row: &Value, key: &str) -> Vec<Vec<u8>> {
    let list = row[key]
        .as_array()
        .unwrap_or_else(|| panic!("{row} has no list `{key}`"));
    list.iter()
        .map(|item| hex(item.as_str().expect("hex digits")))
        .collect()
}
