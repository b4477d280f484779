//! Objects as servers send them to each other with every call: plain texts and whole numbers under plain keys.
//!
//! Takes those quickly and declines everything else without a reason; then the long way reads the text, and finds the
//! values or the words for the error.

use serde_json::Value;

use super::bytes::IN_TEXT;

/// A value of such an object.
#[derive(Clone, Copy)]
pub(crate) enum Plain<'a> {
    Text(&'a str),
    Number(u64),
}

impl From<Plain<'_>> for Value {
    fn from(value: Plain<'_>) -> Self {
        match value {
            Plain::Text(text) => text.into(),
            Plain::Number(number) => number.into(),
        }
    }
}

/// Hands each member of the object to `member`. `None`: declined, perhaps after some members.
pub(crate) fn flat<'a>(text: &'a [u8], mut member: impl FnMut(&'a str, Plain<'a>)) -> Option<()> {
    let mut rest = after(std::str::from_utf8(text).ok()?, '{')?;
    if let Some(end) = after(rest, '}') {
        return nothing(end);
    }
    loop {
        let (key, value) = string(rest)?;
        let value = after(value, ':')?;
        let (value, next) = match string(value) {
            Some((text, next)) => (Plain::Text(text), next),
            None => whole_number(value)?,
        };
        member(key, value);
        rest = match after(next, ',') {
            Some(rest) => rest,
            None => return nothing(after(next, '}')?),
        };
    }
}

/// What stands behind `sign`, if that comes next.
fn after(text: &str, sign: char) -> Option<&str> {
    text.strip_prefix(sign)
        .or_else(|| text.trim_start_matches(SPACE).strip_prefix(sign))
}

fn nothing(text: &str) -> Option<()> {
    text.trim_start_matches(SPACE).is_empty().then_some(())
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// A string that means what stands there, and what is behind it.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = after(text, '"')?;
    let (string, rest) = text.split_at_checked(IN_TEXT.first_in(text.as_bytes())?)?;
    Some((string, rest.strip_prefix('"')?))
}

fn whole_number(text: &str) -> Option<(Plain<'_>, &str)> {
    let text = text.trim_start_matches(SPACE);
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((Plain::Number(digits.parse().ok()?), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn read(text: &[u8]) -> Option<Map<String, Value>> {
        let mut map = Map::new();
        flat(text, |key, value| {
            map.insert(key.to_owned(), value.into());
        })?;
        Some(map)
    }

    #[test]
    fn what_is_taken_is_what_the_long_way_reads() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":"b"}"#,
            r#"{"a":"b","n":18446744073709551615,"a":"c"}"#,
            r#" { "ü" : "" , "n" : 0 } "#,
        ] {
            let long = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()), Some(long), "{text}");
        }
    }

    #[test]
    fn everything_else_is_declined() {
        let odd: [&[u8]; 17] = [
            b"",
            b"null",
            b"[]",
            b"{",
            b"{}{}",
            b"{} x",
            br#"{"a"}"#,
            br#"{"a":}"#,
            br#"{"a":"b",}"#,
            br#"{"a":null}"#,
            br#"{"a":-1}"#,
            br#"{"a":01}"#,
            br#"{"a":1.5}"#,
            br#"{"a":18446744073709551616}"#,
            br#"{"a":{}}"#,
            br#"{"a":"\n"}"#,
            b"{\"a\":\"\xff\"}",
        ];
        for text in odd {
            assert_eq!(read(text), None, "{}", text.escape_ascii());
        }
    }
}
