//! Objects as servers send them to each other with every call: plain texts and whole numbers under plain keys.
//!
//! Takes those quickly and declines everything else without a reason; then the long way reads the text, and finds the
//! values or the words for the error.

use serde_json::Value;

use super::{Scanner, Token};

/// Hands each member of the object to `member`. `None`: declined, perhaps after some members.
pub(crate) fn flat<'a>(text: &'a [u8], mut member: impl FnMut(&'a str, Value)) -> Option<()> {
    let mut scanner = Scanner::new(text);
    if !matches!(scanner.next(), Ok(Some(Token::ObjectStart))) {
        return None;
    }
    loop {
        let key = match scanner.next() {
            Ok(Some(Token::Key(key))) => plain(key)?,
            Ok(Some(Token::ObjectEnd)) => break,
            _ => return None,
        };
        let value = match scanner.next() {
            Ok(Some(Token::Text(text))) => plain(text)?.into(),
            Ok(Some(Token::Number(number))) => plain(number)?.parse::<u64>().ok()?.into(),
            _ => return None,
        };
        member(key, value);
    }
    matches!(scanner.next(), Ok(None)).then_some(())
}

/// Text that means what stands there.
fn plain(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    (!text.as_bytes().contains(&b'\\')).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn read(text: &[u8]) -> Option<Map<String, Value>> {
        let mut map = Map::new();
        flat(text, |key, value| {
            map.insert(key.to_owned(), value);
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
