//! The JSON form of bodies: Go's conventions, by way of the crate's JSON writer and reader.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CodecError;
use crate::json;

/// Appends the JSON form of a value; nothing is appended on an error.
#[inline]
pub fn encode_json<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    json::write(value, out).map_err(|error| CodecError::new(error.to_string()))
}

/// Reads a value from its JSON form.
#[inline]
pub fn decode_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    json::read(body).map_err(|error| CodecError::new(error.to_string()))
}
