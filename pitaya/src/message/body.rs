//! Anything a handler may take or answer.

use bytes::Bytes;

use super::{
    AnyMessage, CodecError, Formats, Message, MessageDescriptor, Serializer, ValidationError,
};

/// What the framework knows of a type that travels, before any value exists.
#[derive(Debug, Clone, Copy)]
pub struct TypeInfo {
    /// The type as people should read it, for example `Join` or `bytes`.
    pub name: &'static str,
    /// Which serializers can carry it; raw bytes go with all.
    pub formats: Formats,
    /// Name, documentation and fields; none for raw bytes and foreign types. A function, so that
    /// recursive types can refer to each other.
    pub descriptor: Option<fn() -> &'static MessageDescriptor>,
    /// Raw bytes: passed as they are, never decoded.
    pub raw: bool,
}

/// A value that a handler takes or answers: a `#[message]` type, raw bytes (`Bytes`, `Vec<u8>`), or
/// a foreign type wrapped in [`Proto`](super::Proto) or [`Json`](super::Json).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel in a message",
    label = "not a message type",
    note = "annotate the type with `#[pitaya::message]`, take or answer `Bytes` for raw data, or wrap a foreign type in `pitaya::Proto` or `pitaya::Json`"
)]
pub trait Body: AnyMessage + Sized {
    /// What is known of the type.
    const INFO: TypeInfo;

    /// Reads a body.
    fn decode(serializer: &Serializer, body: &[u8]) -> Result<Self, CodecError>;
    /// Appends the encoded value.
    fn encode(&self, serializer: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Checks the value's own rules.
    fn validate(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}

/// The text for a value that a serializer cannot carry (the client protocol, chapter 8).
#[doc(hidden)]
pub const WRONG_VALUE_TYPE: CodecError = CodecError(std::borrow::Cow::Borrowed(
    "protobuf: convert on wrong type value",
));

#[diagnostic::do_not_recommend]
impl<T: Message> Body for T {
    const INFO: TypeInfo = TypeInfo {
        name: T::DESCRIPTOR.name,
        formats: T::FORMATS,
        descriptor: Some(|| T::DESCRIPTOR),
        raw: false,
    };

    #[inline]
    fn decode(serializer: &Serializer, body: &[u8]) -> Result<Self, CodecError> {
        match serializer {
            Serializer::Json => T::decode_json(body),
            Serializer::Protobuf => T::decode_protobuf(body),
            Serializer::Custom(codec) => {
                let mut value = T::default();
                codec.decode(body, &mut value)?;
                Ok(value)
            }
        }
    }

    #[inline]
    fn encode(&self, serializer: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match serializer {
            Serializer::Json => Message::encode_json(self, out),
            Serializer::Protobuf => Message::encode_protobuf(self, out),
            Serializer::Custom(codec) => codec.encode(self, out),
        }
    }

    fn validate(&self) -> Result<(), ValidationError> {
        Message::validate(self)
    }
}

macro_rules! raw_body {
    ($type:ty, $from:expr) => {
        #[diagnostic::do_not_recommend]
        impl Body for $type {
            const INFO: TypeInfo = TypeInfo {
                name: "bytes",
                formats: Formats::ALL,
                descriptor: None,
                raw: true,
            };

            fn decode(_: &Serializer, body: &[u8]) -> Result<Self, CodecError> {
                Ok($from(body))
            }

            fn encode(&self, _: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(self);
                Ok(())
            }
        }
    };
}

raw_body!(Bytes, Bytes::copy_from_slice);
raw_body!(Vec<u8>, <[u8]>::to_vec);
