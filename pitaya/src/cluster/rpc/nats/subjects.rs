//! The subjects of the message bus, and which names can be part of one.
//!
//! Text only. A slash is an ordinary character of the bus, so a subject is one token unless a name
//! in it has dots.

use async_nats::Subject;

use crate::cluster::ServerInfo;
use crate::error::{Error, Result};

/// The longest subject that is used. Servers cut a client off whose line is longer than 4 KiB, and
/// the reply's subject is on the same line.
const LONGEST: usize = 2048;

/// Where calls of one server go.
pub(super) fn calls(server: &ServerInfo) -> Result<Subject> {
    checked(
        "server",
        &["pitaya/servers/", &server.kind, "/", &server.id],
    )
}

/// Where servers of a type tell each other who was bound.
pub(super) fn bindings(kind: &str) -> Result<Subject> {
    checked("server type", &["pitaya/", kind, "/bindings"])
}

/// Where pushes and kicks for many users go; ours alone.
pub(super) fn lists(frontend_type: &str) -> Result<Subject> {
    checked("server type", &["pitaya/", frontend_type, "/users"])
}

/// Whether a user of this uid can have subjects of its own, without which it cannot be bound.
pub(super) fn carries(uid: &str) -> bool {
    checked("uid", &[uid]).is_ok()
}

/// Where pushes for a user go.
pub(super) fn pushes(frontend_type: &str, uid: &str) -> Result<Subject> {
    checked("uid", &["pitaya/", frontend_type, "/user/", uid, "/push"])
}

/// Where kicks for a user go.
pub(super) fn kicks(frontend_type: &str, uid: &str) -> Result<Subject> {
    checked("uid", &["pitaya/", frontend_type, "/user/", uid, "/kick"])
}

/// A subject that means itself and nothing else. What has spaces would break the bus's framing;
/// what is a wildcard would receive the messages of others.
fn checked(what: &str, parts: &[&str]) -> Result<Subject> {
    let subject = parts.concat();
    let refused = |why: &str| {
        Err(Error::msg(format!(
            "nats: invalid subject: the {what} {why}"
        )))
    };
    let bytes = subject.as_bytes();
    if bytes
        .iter()
        .any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
    {
        return refused("has a space or a line break");
    }
    if bytes.len() > LONGEST {
        return refused("is too long");
    }
    if bytes
        .split(|byte| *byte == b'.')
        .any(|token| matches!(token, b"" | b"*" | b">"))
    {
        return refused("has an empty part or a wildcard between its dots");
    }
    Ok(Subject::from(subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(kind: &str, id: &str) -> ServerInfo {
        ServerInfo {
            id: id.to_owned(),
            kind: kind.to_owned(),
            frontend: true,
            metadata: Default::default(),
            hostname: String::new(),
        }
    }

    #[test]
    fn subjects_have_the_text_of_the_cluster_protocol() {
        assert_eq!(
            calls(&server("room", "9f")).unwrap().as_str(),
            "pitaya/servers/room/9f"
        );
        assert_eq!(
            bindings("connector").unwrap().as_str(),
            "pitaya/connector/bindings"
        );
        assert_eq!(
            pushes("connector", "u1").unwrap().as_str(),
            "pitaya/connector/user/u1/push"
        );
        assert_eq!(
            kicks("connector", "u1").unwrap().as_str(),
            "pitaya/connector/user/u1/kick"
        );
    }

    #[test]
    fn names_that_the_bus_cannot_carry_are_refused() {
        for uid in [
            "a b",
            "a\tb",
            "a\rb",
            "a\nb",
            "a..b",
            "a.*.b",
            "a.>.b",
            &"x".repeat(3000),
        ] {
            let error = pushes("connector", uid).unwrap_err();
            assert!(
                error
                    .message()
                    .starts_with("nats: invalid subject: the uid "),
                "{uid}: {error}"
            );
            assert!(kicks("connector", uid).is_err(), "{uid}");
        }
        for uid in ["u1", "a.b", ".a.", "*", ">", "a*", "ü", "a/b", "{}"] {
            assert!(pushes("connector", uid).is_ok(), "{uid}");
        }
        assert!(calls(&server("a b", "9f")).is_err());
        assert!(bindings("a b").is_err());
    }
}
