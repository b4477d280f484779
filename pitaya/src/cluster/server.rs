//! Who a server is, and how discovery writes that down.
//!
//! The record is the one that Go servers write and read. Reading is as lenient as theirs and never
//! fails in a way that touches anything but the record itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

use crate::json;

/// A server of the cluster, as discovery records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Unique in the cluster; a random UUID for every run.
    pub id: String,
    /// The server type: the first part of its routes.
    pub kind: String,
    /// Whether clients connect to it.
    pub frontend: bool,
    /// What the application, or a transport, says of it.
    pub metadata: BTreeMap<String, String>,
    /// The host's name.
    pub hostname: String,
}

/// The metadata key of servers that order forwarded messages per session themselves, so that a
/// frontend may send the next one before the last one was answered.
pub(crate) const ORDERED: &str = "ordered";

/// The metadata key of frontends that take one message for many users.
pub(crate) const TAKES_LISTS: &str = "userlists";

/// Why a record is none of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The text is no JSON, or a field has the wrong type.
    #[error("{0}")]
    Json(#[from] json::JsonError),
    /// The whole record is `null`.
    #[error("the record is null")]
    Null,
    /// The metadata is neither an object nor missing, null or an empty string.
    #[error("the metadata is no object")]
    NoMetadata,
    /// A metadata value is no string: Go servers do not see such a server either.
    #[error("the metadata value of {0:?} is no string")]
    MetadataValue(
        /// Its key.
        String,
    ),
}

impl ServerInfo {
    /// Whether this server orders forwarded messages per session itself.
    pub fn is_ordered(&self) -> bool {
        self.metadata.get(ORDERED).is_some_and(|value| value == "1")
    }

    /// Whether this frontend takes one message for many users.
    pub fn takes_lists(&self) -> bool {
        self.frontend
            && self
                .metadata
                .get(TAKES_LISTS)
                .is_some_and(|value| value == "1")
    }

    /// The record of this server: all five keys in Go's order and with Go's escapes, the metadata an
    /// object even when it is empty.
    pub fn to_record(&self) -> String {
        #[derive(serde::Serialize)]
        struct Record<'a> {
            id: &'a str,
            r#type: &'a str,
            metadata: &'a BTreeMap<String, String>,
            frontend: bool,
            hostname: &'a str,
        }
        let record = Record {
            id: &self.id,
            r#type: &self.kind,
            metadata: &self.metadata,
            frontend: self.frontend,
            hostname: &self.hostname,
        };
        let mut out = Vec::new();
        // Strings and a flag can always be written.
        let _ = json::write(&record, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Reads a record as Go does: names in any case, unknown ones ignored, missing ones empty.
    ///
    /// # Errors
    /// [`RecordError`]: such a server is not seen.
    pub fn from_record(record: &[u8]) -> Result<Self, RecordError> {
        let fields: Option<Fields> = json::read(record)?;
        let fields = fields.ok_or(RecordError::Null)?;
        Ok(Self {
            id: fields.id,
            kind: fields.kind,
            frontend: fields.frontend,
            metadata: metadata(fields.metadata)?,
            hostname: fields.hostname,
        })
    }
}

fn metadata(value: Value) -> Result<BTreeMap<String, String>, RecordError> {
    let entries = match value {
        Value::Null => return Ok(BTreeMap::new()),
        // What C++ servers write when theirs is no valid JSON.
        Value::String(text) if text.is_empty() => return Ok(BTreeMap::new()),
        Value::Object(entries) => entries,
        _ => return Err(RecordError::NoMetadata),
    };
    let text = |(key, value)| match value {
        Value::String(text) => Ok((key, text)),
        Value::Null => Ok((key, String::new())),
        _ => Err(RecordError::MetadataValue(key)),
    };
    entries.into_iter().map(text).collect()
}

/// The five fields as they were found.
#[derive(Default)]
struct Fields {
    id: String,
    kind: String,
    metadata: Value,
    frontend: bool,
    hostname: String,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a server record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<String>()? {
            // A null leaves a field as it is; of a field that comes twice the last one counts.
            match name.to_ascii_lowercase().as_str() {
                "id" => keep(&mut fields.id, map.next_value()?),
                "type" => keep(&mut fields.kind, map.next_value()?),
                "metadata" => fields.metadata = map.next_value()?,
                "frontend" => keep(&mut fields.frontend, map.next_value()?),
                "hostname" => keep(&mut fields.hostname, map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

fn keep<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &str) -> Result<ServerInfo, String> {
        ServerInfo::from_record(record.as_bytes()).map_err(|error| error.to_string())
    }

    fn plain() -> ServerInfo {
        ServerInfo {
            id: "1".to_owned(),
            kind: "game".to_owned(),
            frontend: true,
            metadata: BTreeMap::new(),
            hostname: "h".to_owned(),
        }
    }

    #[test]
    fn a_record_has_all_five_keys_in_order_and_an_object_of_metadata() {
        assert_eq!(
            plain().to_record(),
            r#"{"id":"1","type":"game","metadata":{},"frontend":true,"hostname":"h"}"#
        );
    }

    #[test]
    fn records_are_read_as_go_reads_them() {
        for same in [
            r#"{"id":"1","type":"game","metadata":{},"frontend":true,"hostname":"h"}"#,
            r#"{"id":"1","type":"game","metadata":null,"frontend":true,"hostname":"h"}"#,
            r#"{"id":"1","type":"game","metadata":"","frontend":true,"hostname":"h"}"#,
            r#" {"ID":"1","Type":"game","FrontEnd":true,"hostName":"h","extra":[{"x":null}]} "#,
            r#"{"id":"0","id":"1","id":null,"type":"game","frontend":true,"hostname":"h"}"#,
        ] {
            assert_eq!(read(same), Ok(plain()), "{same}");
        }
        let empty = read("{}").expect("missing keys are zero");
        assert_eq!(
            (empty.id.as_str(), empty.kind.as_str(), empty.frontend),
            ("", "", false)
        );
        let odd = read(r#"{"id":"\ud800","metadata":{"a":null}}"#).expect("lenient text");
        assert_eq!(odd.id, "\u{fffd}");
        assert_eq!(
            odd.metadata,
            BTreeMap::from([("a".to_owned(), String::new())])
        );
    }

    #[test]
    fn what_is_no_record_is_refused_with_a_reason() {
        for (record, reason) in [
            ("null", "the record is null"),
            ("", "unexpected end of JSON input"),
            (r#"{"id":"1""#, "unexpected end of JSON input"),
            (
                r#"{"metadata":{"port":1}}"#,
                "the metadata value of \"port\" is no string",
            ),
            (r#"{"metadata":"x"}"#, "the metadata is no object"),
            (r#"{"metadata":[]}"#, "the metadata is no object"),
        ] {
            assert_eq!(read(record), Err(reason.to_owned()), "{record}");
        }
        for record in [
            "[]",
            "1",
            "\"x\"",
            r#"{"id":1}"#,
            r#"{"frontend":"yes"}"#,
            "{} {}",
        ] {
            assert!(read(record).is_err(), "{record}");
        }
        let deep = format!("{{\"metadata\":{}", "[".repeat(100_000));
        assert!(ServerInfo::from_record(deep.as_bytes()).is_err());
        assert!(ServerInfo::from_record(b"\xff\xfe").is_err());
    }
}
