//! The JSON form of bodies: Go's conventions, by way of the crate's JSON writer and reader.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;

/// Appends the JSON form of a value; nothing is appended on an error.
pub fn encode_json<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    serde_json::to_writer(&mut *out, value).map_err(|error| {
        out.truncate(start);
        CodecError::new(error.to_string())
    })
}

/// Reads a value from its JSON form.
pub fn decode_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(body).map_err(|error| CodecError::new(error.to_string()))
}
