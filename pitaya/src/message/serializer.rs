//! The choice of serializer, made once per app.

use std::fmt;
use std::sync::Arc;

use super::{AnyMessage, CodecError};

/// Which serializers can carry a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// JSON can.
    pub json: bool,
    /// Protobuf can.
    pub protobuf: bool,
}

impl Formats {
    /// Both JSON and protobuf.
    pub const ALL: Self = Self {
        json: true,
        protobuf: true,
    };
    /// JSON only.
    pub const JSON: Self = Self {
        json: true,
        protobuf: false,
    };
    /// Protobuf only.
    pub const PROTOBUF: Self = Self {
        json: false,
        protobuf: true,
    };
}

/// A serializer of the application's own.
///
/// [`AnyMessage`] lends a value to any serde format, gives its JSON and protobuf forms, and its raw
/// bytes when it is raw.
pub trait Codec: Send + Sync + 'static {
    /// The name that clients are told in the handshake, for example `msgpack`.
    fn name(&self) -> &str;
    /// Appends the encoded value.
    fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Reads `body` into `message`, which is in its default state.
    fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError>;
}

/// How message bodies are encoded: one per app.
#[derive(Clone, Default)]
pub enum Serializer {
    /// JSON by Go's conventions; `json` in the handshake.
    #[default]
    Json,
    /// Protobuf; `protobuf` in the handshake.
    Protobuf,
    /// The application's own.
    Custom(Arc<dyn Codec>),
}

impl Serializer {
    /// The name that clients are told in the handshake.
    pub fn name(&self) -> &str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Custom(codec) => codec.name(),
        }
    }

    /// Whether types with these formats can be carried; a custom codec decides for itself.
    pub fn carries(&self, formats: Formats) -> bool {
        match self {
            Self::Json => formats.json,
            Self::Protobuf => formats.protobuf,
            Self::Custom(_) => true,
        }
    }
}

impl fmt::Debug for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
