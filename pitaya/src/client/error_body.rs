//! The body of an error reply: `protos.Error` in whichever serializer the server speaks.
//!
//! Reading one always gives an error: a body that does not decode becomes the text of a `PIT-000`,
//! because the server did say that the request failed.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::error::{Error, codes};
use crate::json;
use crate::message::{AnyMessage, CodecError, MessageDescriptor, Serializer};
use crate::protocol::route;

/// Field for field the object of the client protocol, 6.6.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
struct ErrorBody {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    msg: String,
    #[prost(map = "string, string", tag = "3")]
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    metadata: HashMap<String, String>,
}

/// Reads the error that a server answered.
pub(super) fn read(serializer: &Serializer, body: &[u8]) -> Error {
    match decode(serializer, body) {
        Ok(ErrorBody {
            code,
            msg,
            metadata,
        }) => {
            let error = Error::new(code, msg);
            BTreeMap::from_iter(metadata)
                .into_iter()
                .fold(error, |error, (key, value)| error.with_metadata(key, value))
        }
        Err(_) => Error::new(codes::UNKNOWN, route::text(body).into_owned()),
    }
}

fn decode(serializer: &Serializer, body: &[u8]) -> Result<ErrorBody, CodecError> {
    let mut value = ErrorBody::default();
    match serializer {
        Serializer::Json => {
            value = json::read(body).map_err(unreadable)?;
        }
        Serializer::Protobuf => value = prost::Message::decode(body).map_err(unreadable)?,
        Serializer::Custom(codec) => codec.decode(body, &mut value)?,
    }
    Ok(value)
}

fn unreadable(error: impl std::fmt::Display) -> CodecError {
    CodecError::new(error.to_string())
}

/// For custom codecs, which see every message this way.
impl AnyMessage for ErrorBody {
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
        Err(CodecError::new("the message is typed, not raw bytes"))
    }
    fn as_serialize(&self) -> Result<&dyn erased_serde::Serialize, CodecError> {
        Ok(self)
    }
    fn deserialize(
        &mut self,
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<(), CodecError> {
        *self = erased_serde::deserialize(source).map_err(unreadable)?;
        Ok(())
    }
    fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        json::write(self, out).map_err(unreadable)
    }
    fn encode_protobuf(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        prost::Message::encode(self, out).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::Codec;

    fn check(
        serializer: &Serializer,
        body: &[u8],
        code: &str,
        msg: &str,
        metadata: &[(&str, &str)],
    ) {
        let error = read(serializer, body);
        assert_eq!((error.code(), error.message()), (code, msg));
        let got: Vec<_> = error
            .metadata()
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(got, metadata);
    }

    #[test]
    fn an_error_is_read_in_both_serializers() {
        let json = br#"{"code":"A-1","msg":"no","metadata":{"b":"2","a":"1"}}"#;
        check(
            &Serializer::Json,
            json,
            "A-1",
            "no",
            &[("a", "1"), ("b", "2")],
        );
        let protobuf = b"\x0a\x03A-1\x12\x02no\x1a\x06\x0a\x01a\x12\x011";
        check(&Serializer::Protobuf, protobuf, "A-1", "no", &[("a", "1")]);
    }

    #[test]
    fn absent_fields_are_empty() {
        check(&Serializer::Json, b"{}", "", "", &[]);
        check(&Serializer::Protobuf, b"", "", "", &[]);
    }

    #[test]
    fn an_unreadable_body_becomes_the_text() {
        check(
            &Serializer::Json,
            b"oh\xffno",
            "PIT-000",
            "oh\u{fffd}no",
            &[],
        );
        check(&Serializer::Json, b"", "PIT-000", "", &[]);
        check(&Serializer::Protobuf, b"\x0a", "PIT-000", "\n", &[]);
    }

    /// Ends every JSON text with an exclamation mark.
    struct Loud;

    impl Codec for Loud {
        fn name(&self) -> &str {
            "loud"
        }
        fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
            message.encode_json(out)?;
            out.push(b'!');
            Ok(())
        }
        fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError> {
            let json = body
                .strip_suffix(b"!")
                .ok_or(CodecError::new("too quiet"))?;
            let mut json = serde_json::Deserializer::from_slice(json);
            message.deserialize(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))
        }
    }

    #[test]
    fn a_custom_codec_reads_errors_too() {
        let loud = Serializer::Custom(Arc::new(Loud));
        let mut body = Vec::new();
        let sent = ErrorBody {
            code: "A-1".into(),
            msg: "no".into(),
            metadata: HashMap::new(),
        };
        let Serializer::Custom(codec) = &loud else {
            unreachable!()
        };
        codec.encode(&sent, &mut body).unwrap();
        assert_eq!(body, br#"{"code":"A-1","msg":"no"}!"#);
        check(&loud, &body, "A-1", "no", &[]);
        check(&loud, b"{}", "PIT-000", "{}", &[]);
    }
}
