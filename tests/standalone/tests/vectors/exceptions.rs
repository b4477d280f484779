//! Where we answer otherwise than the recorded server, each with its reason: the only such list.
//!
//! Ids, flags and codes are compared for every row, and texts, unless a row stands here. A row that
//! stands here although both answer the same fails its test.

/// One difference.
pub(crate) struct Exception {
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
pub(crate) enum Ours {
    /// The same flag and code, another text.
    Text(&'static str),
    /// A reply without the error bit, with this body.
    Success(&'static [u8]),
    /// An error reply with this code and text.
    Error(&'static str, &'static str),
    /// An error reply with this code and text, and metadata.
    Fields(
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
    ),
    /// The same reply without the pushes before it.
    ReplyAlone,
    /// These packets, as hex; and then the connection is closed, or not.
    Packets(&'static [&'static str], Closed),
}

/// Whether the server closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    Yes,
    No,
}

const JSON_LIBRARY: &str = "the text of Go's own JSON library names Go types; no client reads it";
const PANIC: &str = "a panic's text may hold secrets and stays in the log";
const FOREIGN: &str = "the original drops the request in silence; a request has an answer";
const VALIDATION: &str = "failed validation is the client's mistake, with a list of the fields";

const UNSERIALIZABLE: &str =
    "a reply that cannot be written is an error, and the error bit says so";
const UNSENDABLE: &str = "its sender is told of a push that cannot be written, not the client";
const STALE: &str = "the original forgets to clear its write deadline";

/// The handshake's answer.
const HELLO: &str = "010000417b22636f6465223a3230302c22737973223a7b2264696374223a7b7d2c226865617274626561\
    74223a33302c2273657269616c697a6572223a226a736f6e227d7d";
/// What `echo` answers to request 1.
const ECHO: &str = "0400001904017b22636f6465223a3230302c226d7367223a226869227d";
/// Nobody serves the server type of request 1.
const NO_SERVERS: &str = "0400003e24017b22636f6465223a225049542d353030222c226d7367223a226e6f207365727665727320\
    617661696c61626c65206f6620746869732074797065227d";

pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        list: "json",
        names: &["argument_wrong_field_type"],
        ours: Ours::Text("json: invalid type: integer `1`, expected a string at line 1 column 8"),
        reason: JSON_LIBRARY,
    },
    Exception {
        list: "json",
        names: &["argument_array"],
        ours: Ours::Text(
            "json: invalid type: sequence, expected an object of type TestRequest at line 1 column 2",
        ),
        reason: JSON_LIBRARY,
    },
    Exception {
        list: "json",
        names: &[
            "handler_panicstring",
            "handler_panicerror",
            "handler_panicint",
            "handler_panicnilmap",
        ],
        ours: Ours::Error("PIT-500", "internal error"),
        reason: PANIC,
    },
    Exception {
        list: "protobuf",
        names: &[
            "handler_panicstring",
            "handler_panicerror",
            "handler_panicint",
            "handler_panicnilmap",
        ],
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
        reason: UNSERIALIZABLE,
    },
    Exception {
        list: "protobuf",
        names: &["unserializable_result"],
        ours: Ours::Error("PIT-000", "protobuf: convert on wrong type value"),
        reason: UNSERIALIZABLE,
    },
    Exception {
        list: "json",
        names: &["push_unserializable"],
        ours: Ours::ReplyAlone,
        reason: UNSENDABLE,
    },
    Exception {
        list: "protobuf",
        names: &["push_unserializable"],
        ours: Ours::ReplyAlone,
        reason: UNSENDABLE,
    },
    Exception {
        list: "json_validation",
        names: &["missing_both"],
        ours: Ours::Fields(
            "PIT-400",
            "invalid message: email: does not contain \"@\"; name: length is lower than 1",
            &[
                ("email", "does not contain \"@\""),
                ("name", "length is lower than 1"),
            ],
        ),
        reason: VALIDATION,
    },
    Exception {
        list: "json_validation",
        names: &["bad_email"],
        ours: Ours::Fields(
            "PIT-400",
            "invalid message: email: does not contain \"@\"",
            &[("email", "does not contain \"@\"")],
        ),
        reason: VALIDATION,
    },
    Exception {
        list: "json_validation",
        names: &["raw_bytes"],
        ours: Ours::Success(b"\x01\x02\x03"),
        reason: "raw bytes have no rules, so there is nothing to refuse",
    },
    Exception {
        list: "exchanges",
        names: &["ack_without_handshake"],
        ours: Ours::Packets(&[], Closed::Yes),
        reason: "nobody relies on it, and it would pass by the handshake's validators",
    },
    Exception {
        list: "exchanges",
        names: &["response_from_client", "push_from_client"],
        ours: Ours::Packets(&[HELLO], Closed::No),
        reason: "what only servers send is ignored: it must not start a handler",
    },
    Exception {
        list: "exchanges",
        names: &["foreign_server_type_standalone"],
        ours: Ours::Packets(&[HELLO, NO_SERVERS], Closed::No),
        reason: FOREIGN,
    },
    Exception {
        list: "exchanges",
        names: &["kick_11s_after_last_write"],
        ours: Ours::Packets(&[HELLO, ECHO, "05000000"], Closed::Yes),
        reason: STALE,
    },
    Exception {
        list: "exchanges",
        names: &["handshake_11s_after_last_write"],
        ours: Ours::Packets(&[HELLO, ECHO, HELLO], Closed::No),
        reason: STALE,
    },
];

/// The exception for one vector.
pub(crate) fn exception(list: &str, name: &str) -> Option<&'static Exception> {
    let mut rows = EXCEPTIONS
        .iter()
        .filter(|row| row.list == list && row.names.contains(&name));
    let found = rows.next();
    assert!(rows.next().is_none(), "{list} {name} has two exceptions");
    found
}

/// Fails for an exception from a vector that does not exist.
pub(crate) fn check_names(list: &str, recorded: &[&str]) {
    for row in EXCEPTIONS.iter().filter(|row| row.list == list) {
        assert!(!row.reason.is_empty());
        for name in row.names {
            assert!(recorded.contains(name), "{list} has no vector {name}");
        }
    }
}
