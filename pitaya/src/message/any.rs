//! A message whose type is not known statically: what hooks and custom codecs see.

use std::any::Any;

use bytes::Bytes;

use super::{CodecError, Message, MessageDescriptor};

/// A message behind a `dyn`: every [`Message`], and raw bytes.
pub trait AnyMessage: Any + Send + Sync {
    /// The type's descriptor; none for raw bytes and foreign types.
    fn descriptor(&self) -> Option<&'static MessageDescriptor>;
    /// For downcasting; see [`downcast_ref`](trait.AnyMessage.html#method.downcast_ref).
    fn as_any(&self) -> &dyn Any;
    /// For downcasting; see [`downcast_mut`](trait.AnyMessage.html#method.downcast_mut).
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// The bytes, when the message is raw.
    fn raw(&self) -> Option<&[u8]>;
    /// Replaces the bytes, when the message is raw.
    fn set_raw(&mut self, bytes: &[u8]) -> Result<(), CodecError>;
    /// Lends the value to any serde format.
    fn as_serialize(&self) -> Result<&dyn erased_serde::Serialize, CodecError>;
    /// Replaces the value by one read from any serde format.
    fn deserialize(
        &mut self,
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), CodecError>;
    /// Appends the JSON form; raw bytes as they are.
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Replaces the value by one read from its JSON form; raw bytes as they are.
    fn decode_json(&mut self, body: &[u8]) -> Result<(), CodecError> {
        _ = body;
        Err(CodecError::new("the message cannot be read from JSON"))
    }
    /// Appends the protobuf form; raw bytes as they are.
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Replaces the value by one read from its protobuf form; raw bytes as they are.
    fn decode_protobuf(&mut self, body: &[u8]) -> Result<(), CodecError> {
        _ = body;
        Err(CodecError::new("the message cannot be read from protobuf"))
    }
}

impl dyn AnyMessage {
    /// The value as a `T`, if it is one.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }

    /// The value as a `T`, if it is one; assign through it to replace the payload.
    pub fn downcast_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.as_any_mut().downcast_mut()
    }
}

fn not_raw() -> CodecError {
    CodecError::new("the message is typed, not raw bytes")
}

fn not_typed() -> CodecError {
    CodecError::new("the message is raw bytes, not a typed value")
}

impl<T: Message> AnyMessage for T {
    fn descriptor(&self) -> Option<&'static MessageDescriptor> {
        Some(T::DESCRIPTOR)
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
        Ok(Message::as_serialize(self))
    }
    fn deserialize(
        &mut self,
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), CodecError> {
        *self = T::deserialize_from(source)?;
        Ok(())
    }
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Message::encode_json(self, out)
    }
    fn decode_json(&mut self, body: &[u8]) -> Result<(), CodecError> {
        *self = T::decode_json(body)?;
        Ok(())
    }
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        Message::encode_protobuf(self, out)
    }
    fn decode_protobuf(&mut self, body: &[u8]) -> Result<(), CodecError> {
        *self = T::decode_protobuf(body)?;
        Ok(())
    }
}

macro_rules! raw_message {
    ($type:ty, $from:expr) => {
        impl AnyMessage for $type {
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
                Some(self)
            }
            fn set_raw(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
                *self = $from(bytes);
                Ok(())
            }
            fn as_serialize(&self) -> Result<&dyn erased_serde::Serialize, CodecError> {
                Err(not_typed())
            }
            fn deserialize(
                &mut self,
                _: &mut dyn erased_serde::Deserializer<'_>,
            ) -> Result<(), CodecError> {
                Err(not_typed())
            }
            fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(self);
                Ok(())
            }
            fn decode_json(&mut self, body: &[u8]) -> Result<(), CodecError> {
                self.set_raw(body)
            }
            fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(self);
                Ok(())
            }
            fn decode_protobuf(&mut self, body: &[u8]) -> Result<(), CodecError> {
                self.set_raw(body)
            }
        }
    };
}

raw_message!(Bytes, Bytes::copy_from_slice);
raw_message!(Vec<u8>, <[u8]>::to_vec);
