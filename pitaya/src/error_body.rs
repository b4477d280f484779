//! The body of an error reply: `protos.Error` in whichever serializer an app speaks.
//!
//! Reading one always gives an error: a body that does not decode becomes the text of a `PIT-000`,
//! because the server did say that the request failed.

use crate::error::{Error, codes};
use crate::message::{Body, CodecError, Serializer};
use crate::protocol::route;

use protos::Error as ErrorBody;

/// The type has the name that other languages know it by, `protos.Error`.
pub(crate) mod protos {
    use std::collections::BTreeMap;

    /// What a failed request is answered.
    #[pitaya::message(omit_empty)]
    #[derive(Debug, Clone, PartialEq)]
    pub struct Error {
        /// For programs, for example `PIT-404`.
        #[field(1)]
        pub code: String,
        /// For people.
        #[field(2)]
        pub msg: String,
        /// Further keys and values.
        #[field(3)]
        pub metadata: BTreeMap<String, String>,
    }
}

impl From<&Error> for ErrorBody {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().to_owned(),
            msg: error.message().to_owned(),
            metadata: error.metadata().clone(),
        }
    }
}

/// Appends the error as clients get it.
pub(crate) fn write(
    error: &Error,
    serializer: &Serializer,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    ErrorBody::from(error).encode(serializer, out)
}

/// Reads the error that a server answered.
pub(crate) fn read(serializer: &Serializer, body: &[u8]) -> Error {
    match ErrorBody::decode(serializer, body) {
        Ok(ErrorBody {
            code,
            msg,
            metadata,
        }) => {
            let error = Error::new(code, msg);
            metadata
                .into_iter()
                .fold(error, |error, (key, value)| error.with_metadata(key, value))
        }
        Err(_) => Error::new(codes::UNKNOWN, route::text(body).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::message::descriptor::proto_files;
    use crate::message::{AnyMessage, Codec, Message};

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
            metadata: BTreeMap::new(),
        };
        let Serializer::Custom(codec) = &loud else {
            unreachable!()
        };
        codec.encode(&sent, &mut body).unwrap();
        assert_eq!(body, br#"{"code":"A-1","msg":"no"}!"#);
        check(&loud, &body, "A-1", "no", &[]);
        check(&loud, b"{}", "PIT-000", "{}", &[]);
    }

    #[test]
    fn other_languages_are_told_the_same_message() {
        let [file] = &proto_files([ErrorBody::DESCRIPTOR]).unwrap()[..] else {
            panic!("one package, one file")
        };
        let written = include_str!("../../protos/error.proto");
        assert_eq!(
            written, file.text,
            "protos/error.proto is to be:\n{}",
            file.text
        );
    }
}
