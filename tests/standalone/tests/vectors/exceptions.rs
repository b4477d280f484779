//! Where we answer otherwise than the recorded server, each with its reason: the only such list.
//!
//! Ids, flags and codes are compared for every row, and texts, unless a row stands here. A row that
//! stands here although both answer the same fails its test.

/// One difference.
pub struct Exception {
    /// The list of vectors: `json`, `protobuf`, `json_validation` or `exchanges`.
    pub list: &'static str,
    /// The vectors' names.
    pub names: &'static [&'static str],
    /// What we do instead.
    pub ours: Ours,
    /// Why.
    pub reason: &'static str,
}

/// What we do instead.
pub enum Ours {
    /// The same flag and code, another text.
    Text(&'static str),
    /// An error reply with this code and text.
    Error(&'static str, &'static str),
    /// An error reply with this code and text, and metadata.
    Fields(&'static str, &'static str, &'static [(&'static str, &'static str)]),
    /// The same reply without the pushes before it.
    ReplyAlone,
    /// These packets, as hex, in place of the recorded ones behind the handshake's answer; and then
    /// the connection is closed, or not.
    Packets(&'static [&'static str], Closed),
}

/// Whether the server closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Yes,
    No,
}

const JSON_LIBRARY: &str = "the text of Go's own JSON library names Go types; no client reads it";
const PROTOBUF_LIBRARY: &str = "the text of Go's own protobuf library changes from build to build";
const PANIC: &str = "a panic's text may hold secrets and stays in the log";
const FOREIGN: &str = "the original drops the request in silence; a request has an answer";
const VALIDATION: &str = "failed validation is the client's mistake, with a list of the fields";

pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        list: "json",
        names: &["argument_wrong_field_type"],
        ours: Ours::Text("?"),
        reason: JSON_LIBRARY,
    },
    Exception {
        list: "json",
        names: &["argument_array"],
        ours: Ours::Text("?"),
        reason: JSON_LIBRARY,
    },
    Exception {
        list: "protobuf",
        names: &["argument_truncated_varint", "argument_truncated_string", "argument_field_0"],
        ours: Ours::Text("?"),
        reason: PROTOBUF_LIBRARY,
    },
    Exception {
        list: "protobuf",
        names: &["argument_bad_utf8"],
        ours: Ours::Text("?"),
        reason: PROTOBUF_LIBRARY,
    },
    Exception {
        list: "json",
        names: &["handler_panicstring", "handler_panicerror", "handler_panicint", "handler_panicnilmap"],
        ours: Ours::Error("PIT-500", "internal error"),
        reason: PANIC,
    },
    Exception {
        list: "protobuf",
        names: &["handler_panicstring", "handler_panicerror", "handler_panicint", "handler_panicnilmap"],
        ours: Ours::Error("PIT-500", "internal error"),
        reason: PANIC,
    },
    Exception {
        list: "json",
        names: &["route_space_before"],
        ours: Ours::Error("PIT-500", "no servers available of this type"),
        reason: FOREIGN,
    },
    Exception {
        list: "protobuf",
        names: &["route_space_before"],
        ours: Ours::Error("PIT-500", "no servers available of this type"),
        reason: FOREIGN,
    },
    Exception {
        list: "json",
        names: &["unserializable_result"],
        ours: Ours::Error("PIT-000", "json: unsupported type: chan int"),
        reason: "a reply that could not be written is an error, and says so with the error bit",
    },
    Exception {
        list: "protobuf",
        names: &["unserializable_result"],
        ours: Ours::Error("PIT-000", "protobuf: convert on wrong type value"),
        reason: "a reply that could not be written is an error, and says so with the error bit",
    },
    Exception {
        list: "json",
        names: &["push_unserializable"],
        ours: Ours::ReplyAlone,
        reason: "a push that cannot be written is an error to its sender; the client gets nothing",
    },
    Exception {
        list: "protobuf",
        names: &["push_unserializable"],
        ours: Ours::ReplyAlone,
        reason: "a push that cannot be written is an error to its sender; the client gets nothing",
    },
    Exception {
        list: "json_validation",
        names: &["missing_both"],
        ours: Ours::Fields("PIT-400", "?", &[]),
        reason: VALIDATION,
    },
    Exception {
        list: "json_validation",
        names: &["bad_email"],
        ours: Ours::Fields("PIT-400", "?", &[]),
        reason: VALIDATION,
    },
];

/// The exception for one vector.
pub fn exception(list: &str, name: &str) -> Option<&'static Exception> {
    let mut rows = EXCEPTIONS.iter().filter(|row| row.list == list && row.names.contains(&name));
    let found = rows.next();
    assert!(rows.next().is_none(), "{list} {name} has two exceptions");
    found
}

/// Fails for an exception from a vector that does not exist.
pub fn check_names(list: &str, recorded: &[&str]) {
    for row in EXCEPTIONS.iter().filter(|row| row.list == list) {
        assert!(!row.reason.is_empty());
        for name in row.names {
            assert!(recorded.contains(name), "{list} has no vector {name}");
        }
    }
}
