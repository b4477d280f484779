//! The subjects of the message bus, and which names can be part of one.
//!
//! Text only. A slash is an ordinary character of the bus, so a subject is one token unless a name
//! in it has dots.

use async_nats::Subject;
use async_nats::subject::ToSubject;

use crate::cluster::ServerInfo;
use crate::error::{Error, Result};

/// The longest subject that is used. Servers cut a client off whose line is longer than 4 KiB, and
/// the reply's subject is on the same line.
const LONGEST: usize = 2048;

/// A subject that means itself and nothing else, put together where the bus takes it.
#[derive(Clone, Copy)]
pub(super) struct Checked<'a>([&'a str; 5]);

impl ToSubject for Checked<'_> {
    fn to_subject(&self) -> Subject {
        Subject::from(self.0.concat())
    }
}

/// Where calls of one server go.
pub(super) fn calls(server: &ServerInfo) -> Result<Checked<'_>> {
    let parts = ["pitaya/servers/", &server.kind, "/", &server.id, ""];
    checked("server", parts)
}

/// Where servers of a type tell each other who was bound.
pub(super) fn bindings(kind: &str) -> Result<Checked<'_>> {
    checked("server type", ["pitaya/", kind, "/bindings", "", ""])
}

/// Where pushes and kicks for many users go; ours alone.
pub(super) fn lists(frontend_type: &str) -> Result<Checked<'_>> {
    checked("server type", ["pitaya/", frontend_type, "/users", "", ""])
}

/// Whether a user of this uid can have subjects of its own, without which it cannot be bound.
pub(super) fn carries(uid: &str) -> bool {
    checked("uid", [uid, "", "", "", ""]).is_ok()
}

/// Where pushes for a user go.
pub(super) fn pushes<'a>(frontend_type: &'a str, uid: &'a str) -> Result<Checked<'a>> {
    checked("uid", ["pitaya/", frontend_type, "/user/", uid, "/push"])
}

/// Where kicks for a user go.
pub(super) fn kicks<'a>(frontend_type: &'a str, uid: &'a str) -> Result<Checked<'a>> {
    checked("uid", ["pitaya/", frontend_type, "/user/", uid, "/kick"])
}

/// What has spaces would break the bus's framing; what is a wildcard would receive the messages of
/// others. The bus's library is told not to look a second time.
fn checked<'a>(what: &str, parts: [&'a str; 5]) -> Result<Checked<'a>> {
    let refused = |why: &str| {
        Err(Error::msg(format!(
            "nats: invalid subject: the {what} {why}"
        )))
    };
    // Of the part between two dots: nothing yet, or a wildcard and nothing else.
    let (mut empty, mut wildcard, mut odd) = (true, false, false);
    for part in parts {
        for byte in part.bytes() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => return refused("has a space or a line break"),
                b'.' => {
                    odd |= empty || wildcard;
                    (empty, wildcard) = (true, false);
                }
                _ => {
                    wildcard = empty && matches!(byte, b'*' | b'>');
                    empty = false;
                }
            }
        }
    }
    if parts.iter().map(|part| part.len()).sum::<usize>() > LONGEST {
        return refused("is too long");
    }
    if odd || empty || wildcard {
        return refused("has an empty part or a wildcard between its dots");
    }
    Ok(Checked(parts))
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

    fn text(subject: Result<Checked<'_>>) -> String {
        subject.unwrap().to_subject().to_string()
    }

    #[test]
    fn subjects_have_the_text_of_the_cluster_protocol() {
        assert_eq!(text(calls(&server("room", "9f"))), "pitaya/servers/room/9f");
        assert_eq!(text(bindings("connector")), "pitaya/connector/bindings");
        assert_eq!(
            text(pushes("connector", "u1")),
            "pitaya/connector/user/u1/push"
        );
        assert_eq!(
            text(kicks("connector", "u1")),
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
            let error = pushes("connector", uid).err().unwrap();
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
