//! The messages in both serializers, written out by hand.

use crate::players::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Json,
    Protobuf,
}

pub(crate) const DIALECTS: [Dialect; 2] = [Dialect::Json, Dialect::Protobuf];

impl Dialect {
    /// The flag that makes a server speak it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Json => "-serializer=json",
            Self::Protobuf => "-serializer=protobuf",
        }
    }

    /// A `TestRequest`.
    pub(crate) fn test_request(self, msg: &str) -> Vec<u8> {
        match self {
            Self::Json => format!(r#"{{"msg":"{msg}"}}"#).into(),
            Self::Protobuf => field(0x0a, msg),
        }
    }

    /// A `TestResponse` with code 200.
    pub(crate) fn test_response(self, msg: &str) -> Vec<u8> {
        match self {
            Self::Json if msg.is_empty() => br#"{"code":200}"#.to_vec(),
            Self::Json => format!(r#"{{"code":200,"msg":"{msg}"}}"#).into(),
            Self::Protobuf => [vec![0x08, 0xc8, 0x01], field(0x12, msg)].concat(),
        }
    }

    /// An error object with one entry of metadata.
    pub(crate) fn error_with(self, code: &str, msg: &str, (key, value): (&str, &str)) -> Vec<u8> {
        match self {
            Self::Json => {
                let error = format!(
                    r#"{{"code":"{code}","msg":"{msg}","metadata":{{"{key}":"{value}"}}}}"#
                );
                error.into()
            }
            Self::Protobuf => {
                let entry = [field(0x0a, key), field(0x12, value)].concat();
                let length = u8::try_from(entry.len()).expect("it is short");
                [self.error(code, msg), vec![0x1a, length], entry].concat()
            }
        }
    }

    /// An error object.
    pub(crate) fn error(self, code: &str, msg: &str) -> Vec<u8> {
        match self {
            Self::Json => format!(r#"{{"code":"{code}","msg":"{msg}"}}"#).into(),
            Self::Protobuf => [field(0x0a, code), field(0x12, msg)].concat(),
        }
    }
}

/// A protobuf text field, which is absent when empty.
fn field(tag: u8, value: &str) -> Vec<u8> {
    if value.is_empty() {
        return Vec::new();
    }
    [vec![tag], text(value)].concat()
}

/// A response, whole.
pub(crate) fn response(id: u8, body: &[u8]) -> Vec<u8> {
    [&[0x04, id], body].concat()
}

/// An error response, whole.
pub(crate) fn failure(id: u8, body: &[u8]) -> Vec<u8> {
    [&[0x24, id], body].concat()
}

/// A push, whole.
pub(crate) fn push(route: &str, body: &[u8]) -> Vec<u8> {
    [vec![0x06], text(route), body.to_vec()].concat()
}
