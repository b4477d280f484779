//! The recorded vectors, which lie beside the protocol's own tests.

use serde_json::Value;

/// One recorded file.
///
/// # Panics
/// When it cannot be read.
pub fn vectors(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pitaya/tests/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("the vectors are there");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

/// The rows of one list in a file.
pub(crate) fn rows(file: &str, list: &str) -> Vec<Value> {
    vectors(file)[list].as_array().expect("a list").clone()
}

/// Hexadecimal digits as bytes.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Every text under a key of this name, wherever it stands.
pub(crate) fn texts(value: &Value, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, key, &mut found);
    found
}

fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match inner {
                    Value::String(text) if name == key => found.push(text.clone()),
                    Value::Array(list) if name == key => {
                        found.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect(inner, key, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| collect(inner, key, found)),
        _ => {}
    }
}

/// Puts a target's own decisions in front of what was recorded.
pub(crate) fn behind(decisions: &[u8], recorded: &[u8]) -> Vec<u8> {
    [decisions, recorded].concat()
}
