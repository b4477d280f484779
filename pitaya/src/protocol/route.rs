//! Route strings: `service.method` or `server.service.method`.
//!
//! Messages are dispatched by the whole route as it stands on the wire; a
//! route is split only to find its server type or the right error. Parsing
//! must never change a part: names are matched exactly as they were sent.

use std::{borrow::Cow, fmt};

use thiserror::Error;

/// A route split into its parts, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route<'a> {
    /// Server type; `None` means the type of the server that reads the route.
    pub server: Option<&'a str>,
    /// Name of the service (of the handler or the remote).
    pub service: &'a str,
    /// Name of the method.
    pub method: &'a str,
}

/// Why a text is no route; sent to clients under `PIT-400` with these texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RouteError {
    /// A part is empty or only white space; this is checked before the count.
    #[error("route field can not be empty")]
    EmptyField,
    /// Neither two nor three parts.
    #[error("invalid route")]
    Invalid,
}

impl<'a> Route<'a> {
    /// Splits a route (client protocol 7.1). White space around a part counts
    /// as nothing when looking for empty parts and stays when the part is used.
    ///
    /// # Errors
    /// [`RouteError::EmptyField`], else [`RouteError::Invalid`].
    pub fn parse(text: &'a str) -> Result<Self, RouteError> {
        let mut parts = [""; 3];
        let mut count = 0;
        let mut rest = Some(text);
        while let Some(text) = rest {
            let dot = text.bytes().position(|byte| byte == b'.');
            let (part, after) = match dot.and_then(|dot| text.split_at_checked(dot)) {
                Some((part, after)) => (part, after.get(1..)),
                None => (text, None),
            };
            rest = after;
            if part.trim().is_empty() {
                return Err(RouteError::EmptyField);
            }
            if let Some(place) = parts.get_mut(count) {
                *place = part;
            }
            count += 1;
        }
        match (count, parts) {
            (2, [service, method, _]) => Ok(Self {
                server: None,
                service,
                method,
            }),
            (3, [server, service, method]) => Ok(Self {
                server: Some(server),
                service,
                method,
            }),
            _ => Err(RouteError::Invalid),
        }
    }
}

impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = self.server {
            write!(f, "{server}.")?;
        }
        write!(f, "{}.{}", self.service, self.method)
    }
}

/// Text from the wire: each byte that is not part of valid UTF-8 becomes one
/// U+FFFD, as in the original framework (the standard library's lossy
/// conversion makes one of several).
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    crate::json::lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Result<(Option<&str>, &str, &str), RouteError> {
        Route::parse(text).map(|route| (route.server, route.service, route.method))
    }

    #[test]
    fn two_and_three_parts_are_routes_and_are_not_trimmed() {
        assert_eq!(parts("room.join"), Ok((None, "room", "join")));
        assert_eq!(parts("game.room.join"), Ok((Some("game"), "room", "join")));
        assert_eq!(parts(" a.b\t.c"), Ok((Some(" a"), "b\t", "c")));
    }

    #[test]
    fn an_empty_part_is_found_before_a_wrong_count() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a.b",
            "a.b.",
            "a. .b",
            "a.\u{3000}",
            "a.\u{85}.b.c.d",
            "a.b.c.d.",
        ] {
            assert_eq!(parts(text), Err(RouteError::EmptyField), "{text:?}");
        }
        for text in ["a", "a.b.c.d", "a.b.c.d.e", "\u{200b}"] {
            assert_eq!(parts(text), Err(RouteError::Invalid), "{text:?}");
        }
        assert_eq!(
            RouteError::EmptyField.to_string(),
            "route field can not be empty"
        );
        assert_eq!(RouteError::Invalid.to_string(), "invalid route");
    }

    #[test]
    fn a_route_displays_as_it_was_written() {
        for text in ["room.join", "game.room.join", " a.b.c"] {
            assert_eq!(
                Route::parse(text).map(|route| route.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn each_bad_byte_becomes_one_replacement_character() {
        assert_eq!(text(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(text(b"\xed\xa0\xbd"), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(text(b"\xf0\x9f\x98"), "\u{fffd}\u{fffd}\u{fffd}");
        assert!(matches!(text("日本".as_bytes()), Cow::Borrowed("日本")));
    }
}
