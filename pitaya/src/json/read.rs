//! Reading: the quick way first; serde_json, with a repair of the text where it is needed, for what
//! that declines.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::quick;
use super::scan::Scanner;

/// Why a text cannot be read. Clients see these texts under `PIT-400`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The text is empty or stops inside a value.
    #[error("unexpected end of JSON input")]
    UnexpectedEnd,
    /// A byte that cannot stand where it stands.
    #[error("invalid character {0}")]
    InvalidCharacter(
        /// The byte in quotes, and what was expected in its place.
        String,
    ),
    /// More than 10 000 brackets are open at once.
    #[error("exceeded max depth")]
    TooDeep,
    /// The text is JSON but does not hold the type that was asked for.
    #[error("json: {0}")]
    Type(
        /// What serde says, with the position.
        String,
    ),
}

/// Reads one value of a type from a text.
///
/// Bytes that are no UTF-8 and surrogates that stand alone become U+FFFD, as
/// in Go: some clients encode emoji that way.
///
/// # Errors
/// [`JsonError`]; syntax errors have Go's texts.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonError> {
    quick::read(body).or_else(|_| read_the_long_way(body))
}

/// Reads any text, whatever the quick way thinks of it.
#[cold]
pub(super) fn read_the_long_way<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonError> {
    match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text).or_else(|error| repair_and_read(body, text, error)),
        Err(_) => {
            let text = lossy(body);
            serde_json::from_str(&text).or_else(|error| repair_and_read(body, &text, error))
        }
    }
}

/// After a refusal: tries again if lone surrogates may be the reason, else
/// finds the words for it.
#[cold]
fn repair_and_read<T: DeserializeOwned>(
    body: &[u8],
    text: &str,
    mut error: serde_json::Error,
) -> Result<T, JsonError> {
    if let Some(repaired) = replace_lone_surrogates(text) {
        match serde_json::from_str(&repaired) {
            Ok(value) => return Ok(value),
            Err(second) => error = second,
        }
    }
    // Like Go, a text with a syntax error anywhere has no other error.
    Scanner::check(body)?;
    Err(JsonError::Type(error.to_string()))
}

/// Bytes as text: each byte that is not part of valid UTF-8 becomes one U+FFFD,
/// as in Go (the standard library's lossy conversion makes one of several).
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut text = String::with_capacity(bytes.len() + 16);
            push_lossy(bytes, &mut text);
            Cow::Owned(text)
        }
    }
}

fn push_lossy(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

/// The text of a string between its quotes, which the scanner has accepted.
pub(crate) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    if !raw.contains(&b'\\') {
        return lossy(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let (plain, escape) = rest.split_at(at);
        push_lossy(plain, &mut text);
        if let Some((unit, after)) = split_unit(escape) {
            let (c, after) = combine(unit, after);
            text.push(c);
            rest = after;
            continue;
        }
        let (escape, after) = escape.split_at(escape.len().min(2));
        text.extend(escape.get(1).map(|&byte| match byte {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            other => char::from(other),
        }));
        rest = after;
    }
    push_lossy(rest, &mut text);
    Cow::Owned(text)
}

/// Takes a `\uXXXX` off the front: its UTF-16 unit and what follows.
fn split_unit(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = bytes.strip_prefix(b"\\u")?.split_first_chunk::<4>()?;
    let mut unit = 0;
    for &digit in digits {
        unit = unit << 4 | char::from(digit).to_digit(16)? as u16;
    }
    Some((unit, rest))
}

/// The character of a unit, together with its partner if it has one; U+FFFD
/// for a surrogate on its own, whose neighbour is then read for itself.
fn combine(unit: u16, rest: &[u8]) -> (char, &[u8]) {
    if let Some(c) = char::from_u32(unit.into()) {
        return (c, rest);
    }
    if let Some((partner, after)) = split_unit(rest)
        && let Some(Ok(c)) = char::decode_utf16([unit, partner]).next()
    {
        return (c, after);
    }
    (char::REPLACEMENT_CHARACTER, rest)
}

/// A copy with `\ufffd` for each escaped surrogate that stands alone; `None`
/// when there is none.
fn replace_lone_surrogates(text: &str) -> Option<String> {
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find('\\') {
        at += found;
        let escape = text.as_bytes().get(at..)?;
        let Some((unit, after)) = split_unit(escape) else {
            at = (at + 2).min(text.len());
            // A backslash before a longer character, which is an error anyway.
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue;
        };
        let (c, rest) = combine(unit, after);
        if c == char::REPLACEMENT_CHARACTER && unit != 0xfffd {
            repaired.push_str(text.get(copied..at)?);
            repaired.push_str("\\ufffd");
            copied = text.len() - rest.len();
        }
        at = text.len() - rest.len();
    }
    if copied == 0 {
        return None;
    }
    repaired.push_str(text.get(copied..)?);
    Some(repaired)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Say {
        text: String,
        #[serde(default)]
        n: i32,
    }

    fn say(body: &[u8]) -> Result<String, String> {
        read::<Say>(body)
            .map(|say| say.text)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn text_that_is_no_utf8_is_repaired() {
        assert_eq!(
            say(b"{\"text\":\"a\xff\xfeb\"}"),
            Ok("a\u{fffd}\u{fffd}b".into())
        );
        // An emoji as two surrogates of three bytes each.
        let cesu8 = b"{\"text\":\"\xed\xa0\xbd\xed\xb8\x80\"}";
        assert_eq!(say(cesu8), Ok("\u{fffd}".repeat(6)));
        // Outside of strings such bytes stay an error, worded for the byte.
        assert_eq!(
            say(b"\xff{}"),
            Err("invalid character 'ÿ' looking for beginning of value".into())
        );
    }

    #[test]
    fn lone_surrogates_are_repaired_and_pairs_are_kept() {
        for (escaped, expected) in [
            (r"\ud83d\ude00", "😀"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00", "\u{fffd}"),
            (r"a\ud83dz", "a\u{fffd}z"),
            (r"\ud83d\n", "\u{fffd}\n"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\ud83d\ud83d\ude00\ude00", "\u{fffd}😀\u{fffd}"),
            (r"\\ud83d\ude00\uDFFF", "\\ud83d\u{fffd}\u{fffd}"),
            (r"\ufffd\ud83d", "\u{fffd}\u{fffd}"),
        ] {
            let body = format!("{{\"text\":\"{escaped}\"}}");
            assert_eq!(say(body.as_bytes()), Ok(expected.into()), "{escaped}");
            assert_eq!(unescape(escaped.as_bytes()), expected, "{escaped}");
        }
        let both = b"{\"text\":\"\xff\\ud83d\"}";
        assert_eq!(say(both), Ok("\u{fffd}\u{fffd}".into()));
    }

    #[test]
    fn simple_escapes_are_undone() {
        let raw = br#"\"\\\/\b\f\n\r\t\u00e9"#;
        assert_eq!(unescape(raw), "\"\\/\u{8}\u{c}\n\r\té");
        assert!(matches!(unescape(b"plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn empty_and_cut_texts_have_gos_words() {
        for body in ["", " ", "{", "{\"text\":\"a", "{\"text\":1,\"n\":"] {
            assert_eq!(
                say(body.as_bytes()),
                Err("unexpected end of JSON input".into())
            );
        }
        assert_eq!(
            say(b"{\"text\":\"a\"} x"),
            Err("invalid character 'x' after top-level value".into())
        );
    }

    #[test]
    fn a_wrong_type_is_an_error_with_its_place() {
        let error = say(b"{\"text\":1}").unwrap_err();
        assert!(
            error.starts_with("json: invalid type: integer `1`"),
            "{error}"
        );
        for body in [
            r#"{"text":"a","n":1.5}"#,
            r#"{"text":"a","n":1e2}"#,
            r#"{"text":"a","n":2147483648}"#,
            r#"{"text":"a","n":"1"}"#,
        ] {
            assert!(
                say(body.as_bytes()).unwrap_err().starts_with("json: "),
                "{body}"
            );
        }
    }

    #[test]
    fn depth_is_limited() {
        let body = "[".repeat(5000) + &"]".repeat(5000);
        let error = read::<serde_json::Value>(body.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
    }

    #[test]
    fn floats_read_back_exactly() {
        for text in [
            "0.1",
            "2.2250738585072014e-308",
            "9007199254740993",
            "1.7976931348623157e308",
        ] {
            assert_eq!(
                read::<f64>(text.as_bytes()).unwrap(),
                text.parse::<f64>().unwrap()
            );
        }
    }
}
