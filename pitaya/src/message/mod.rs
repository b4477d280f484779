//! What travels in the body of a message: application types, raw bytes, and how they are encoded.
//!
//! [`Message`] is what `#[message]` implements; [`Body`] is anything a handler may take or answer.
//! This module knows bytes and types only: no session, no connection, no clock.

mod any;
mod body;
pub mod descriptor;
#[doc(hidden)]
pub mod field;
mod json;
mod serializer;
mod validation;
mod wire;
mod wrappers;

use std::borrow::Cow;

pub use any::AnyMessage;
#[doc(hidden)]
pub use body::WRONG_VALUE_TYPE;
pub use body::{Body, TypeInfo};
pub use descriptor::MessageDescriptor;
pub use serializer::{Codec, Formats, Serializer};
pub use validation::ValidationError;
pub use wrappers::{Json, Proto};

/// A body that could not be encoded or decoded; the text is what the sender of the body is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(pub Cow<'static, str>);

impl CodecError {
    /// An error with this text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

/// An application type that travels: what `#[message]` implements.
///
/// JSON follows Go's conventions, protobuf is proto3. A type may offer only one of the two
/// ([`Message::FORMATS`]); mounting it in an app with the other serializer is an error at build.
pub trait Message: Default + Send + Sync + Sized + 'static {
    /// Which serializers can carry this type.
    const FORMATS: Formats;
    /// The type's name, documentation and fields.
    const DESCRIPTOR: &'static MessageDescriptor;

    /// Appends the JSON form.
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Reads the JSON form: absent or null is the default, unknown fields are skipped.
    fn decode_json(body: &[u8]) -> Result<Self, CodecError>;
    /// Appends the protobuf form.
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Reads the protobuf form; an empty body is the default.
    fn decode_protobuf(body: &[u8]) -> Result<Self, CodecError>;
    /// Lends the value to any serde format, for custom codecs.
    fn as_serialize(&self) -> &dyn erased_serde::Serialize;
    /// Reads the value from any serde format, for custom codecs.
    fn deserialize_from(
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Self, CodecError>;
    /// Checks the value's own rules (`#[message(validate)]`); without rules it is valid.
    fn validate(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}
