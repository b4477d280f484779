//! Wrappers that let foreign types travel, each in the one format that its library knows.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::WRONG_VALUE_TYPE;
use super::json::{decode_json, encode_json};
use super::{AnyMessage, Body, CodecError, Formats, MessageDescriptor, Serializer, TypeInfo};

/// A foreign prost type, for example one generated from a `.proto` file. Protobuf only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Proto<T>(pub T);

/// A foreign serde type. JSON only, besides custom codecs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Json<T>(pub T);

fn no_json() -> CodecError {
    CodecError::new("json: unsupported type: a foreign protobuf message")
}

fn not_raw() -> CodecError {
    CodecError::new("the message is typed, not raw bytes")
}

impl<T> Proto<T>
where
    T: prost::Message + Default + 'static,
{
    fn read(body: &[u8]) -> Result<Self, CodecError> {
        T::decode(body)
            .map(Self)
            .map_err(|error| CodecError::new(error.to_string()))
    }

    fn append(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0
            .encode(out)
            .map_err(|error| CodecError::new(error.to_string()))
    }
}

#[diagnostic::do_not_recommend]
impl<T> Body for Proto<T>
where
    T: prost::Message + Default + 'static,
{
    const INFO: TypeInfo = TypeInfo {
        name: "protobuf message",
        formats: Formats::PROTOBUF,
        descriptor: None,
        raw: false,
    };

    fn decode(serializer: &Serializer, body: &[u8]) -> Result<Self, CodecError> {
        match serializer {
            Serializer::Json => Err(no_json()),
            Serializer::Protobuf => Self::read(body),
            Serializer::Custom(codec) => {
                let mut value = Self(T::default());
                codec.decode(body, &mut value)?;
                Ok(value)
            }
        }
    }

    fn encode(&self, serializer: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match serializer {
            Serializer::Json => Err(no_json()),
            Serializer::Protobuf => self.append(out),
            Serializer::Custom(codec) => codec.encode(self, out),
        }
    }
}

impl<T> AnyMessage for Proto<T>
where
    T: prost::Message + Default + 'static,
{
    fn descriptor(&self) -> Option<&'static MessageDescriptor> {
        None
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn raw(&self) -> Option<&[u8]> {
        None
    }
    fn set_raw(&mut self, _: &[u8]) -> Result<(), CodecError> {
        Err(not_raw())
    }
    fn as_serialize(&self) -> Result<&dyn erased_serde::Serialize, CodecError> {
        Err(no_json())
    }
    fn deserialize(
        &mut self,
        _: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), CodecError> {
        Err(no_json())
    }
    fn encode_json(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Err(no_json())
    }
    fn decode_json(&mut self, _: &[u8]) -> Result<(), CodecError> {
        Err(no_json())
    }
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.append(out)
    }
    fn decode_protobuf(&mut self, body: &[u8]) -> Result<(), CodecError> {
        *self = Self::read(body)?;
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<T> Body for Json<T>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    const INFO: TypeInfo = TypeInfo {
        name: "JSON value",
        formats: Formats::JSON,
        descriptor: None,
        raw: false,
    };

    fn decode(serializer: &Serializer, body: &[u8]) -> Result<Self, CodecError> {
        match serializer {
            Serializer::Json => decode_json(body).map(Self),
            Serializer::Protobuf => Err(WRONG_VALUE_TYPE),
            Serializer::Custom(codec) => {
                let mut value = Arriving(None);
                codec.decode(body, &mut value)?;
                value
                    .0
                    .ok_or_else(|| CodecError::new("the codec set no value"))
                    .map(Self)
            }
        }
    }

    fn encode(&self, serializer: &Serializer, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match serializer {
            Serializer::Json => encode_json(&self.0, out),
            Serializer::Protobuf => Err(WRONG_VALUE_TYPE),
            Serializer::Custom(codec) => codec.encode(self, out),
        }
    }
}

/// What a custom codec decodes into: the foreign type need not have a default.
struct Arriving<T>(Option<T>);

macro_rules! json_message {
    ($wrapper:ident) => {
        impl<T> AnyMessage for $wrapper<T>
        where
            T: Serialize + DeserializeOwned + Send + Sync + 'static,
        {
            fn descriptor(&self) -> Option<&'static MessageDescriptor> {
                None
            }
            fn as_any(&self) -> &dyn Any {
                self
            }
            fn as_any_mut(&mut self) -> &mut dyn Any {
                self
            }
            fn raw(&self) -> Option<&[u8]> {
                None
            }
            fn set_raw(&mut self, _: &[u8]) -> Result<(), CodecError> {
                Err(not_raw())
            }
            fn as_serialize(&self) -> Result<&dyn erased_serde::Serialize, CodecError> {
                Ok(&self.0)
            }
            fn deserialize(
                &mut self,
                source: &mut dyn erased_serde::Deserializer<'_>,
            ) -> Result<(), CodecError> {
                self.0 = erased_serde::deserialize(source)
                    .map_err(|error| CodecError::new(error.to_string()))?;
                Ok(())
            }
            fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                encode_json(&self.0, out)
            }
            fn decode_json(&mut self, body: &[u8]) -> Result<(), CodecError> {
                self.0 = decode_json(body)?;
                Ok(())
            }
            fn encode_protobuf(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
                Err(WRONG_VALUE_TYPE)
            }
            fn decode_protobuf(&mut self, _: &[u8]) -> Result<(), CodecError> {
                Err(WRONG_VALUE_TYPE)
            }
        }
    };
}

json_message!(Json);
json_message!(Arriving);
