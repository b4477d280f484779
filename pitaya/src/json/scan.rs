//! A pull scanner over JSON text with Go's rules and error texts.
//!
//! It keeps its place in a list of open brackets, so depth costs no stack: it
//! must never recurse. It accepts any byte inside a string, because text is
//! repaired when it is unescaped, not before.

use super::{bytes::IN_TEXT, read::JsonError};

/// Brackets that may be open at once, as in Go.
const MAX_DEPTH: usize = 10_000;

/// One step through a text, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// A member's name between its quotes, escapes untouched. Its value follows.
    Key(&'a [u8]),
    /// A string between its quotes, escapes untouched.
    Text(&'a [u8]),
    Number(&'a [u8]),
    True,
    False,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Value,
    FirstElement,
    FirstKey,
    NextKey,
    AfterValue,
}

/// Walks through one text token by token.
pub(crate) struct Scanner<'a> {
    input: &'a [u8],
    /// Offset of the next unread byte.
    at: usize,
    /// Offset of the last token's first byte.
    token_at: usize,
    open: Vec<Bracket>,
    place: Place,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            token_at: 0,
            open: Vec::new(),
            place: Place::Value,
        }
    }

    /// Walks to the end and says whether the text is JSON.
    pub(crate) fn check(input: &'a [u8]) -> Result<(), JsonError> {
        let mut scanner = Self::new(input);
        while scanner.next()?.is_some() {}
        Ok(())
    }

    /// The next token; `None` when one whole value and nothing else was there.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        loop {
            let Some(byte) = self.skip_space() else {
                let ended = self.place == Place::AfterValue && self.open.is_empty();
                return if ended {
                    Ok(None)
                } else {
                    Err(JsonError::UnexpectedEnd)
                };
            };
            self.token_at = self.at;
            let token = match (self.place, byte) {
                (Place::FirstElement, b']') | (Place::FirstKey, b'}') => self.close(),
                (Place::Value | Place::FirstElement, _) => self.value(byte)?,
                (Place::FirstKey | Place::NextKey, b'"') => self.key()?,
                (Place::FirstKey | Place::NextKey, _) => {
                    return Err(invalid(byte, "looking for beginning of object key string"));
                }
                (Place::AfterValue, _) => match (self.open.last(), byte) {
                    (Some(Bracket::Object), b'}') | (Some(Bracket::Array), b']') => self.close(),
                    (Some(bracket), b',') => {
                        self.at += 1;
                        self.place = match bracket {
                            Bracket::Object => Place::NextKey,
                            Bracket::Array => Place::Value,
                        };
                        continue;
                    }
                    (Some(Bracket::Object), _) => {
                        return Err(invalid(byte, "after object key:value pair"));
                    }
                    (Some(Bracket::Array), _) => return Err(invalid(byte, "after array element")),
                    (None, _) => return Err(invalid(byte, "after top-level value")),
                },
            };
            return Ok(Some(token));
        }
    }

    /// The text of the value that `first` starts; the scanner stands behind it.
    pub(crate) fn value_text(&mut self, first: Token<'a>) -> Result<&'a [u8], JsonError> {
        let start = self.token_at;
        if matches!(first, Token::ObjectStart | Token::ArrayStart) {
            let depth = self.open.len();
            while self.open.len() >= depth {
                self.next()?;
            }
        }
        Ok(self.input.get(start..self.at).unwrap_or_default())
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn skip_space(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn value(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        let token = match byte {
            b'{' => return self.open(Bracket::Object),
            b'[' => return self.open(Bracket::Array),
            b'"' => Token::Text(self.string()?),
            b'-' | b'0'..=b'9' => Token::Number(self.number()?),
            b't' => self.literal("true", Token::True)?,
            b'f' => self.literal("false", Token::False)?,
            b'n' => self.literal("null", Token::Null)?,
            _ => return Err(invalid(byte, "looking for beginning of value")),
        };
        self.place = Place::AfterValue;
        Ok(token)
    }

    fn open(&mut self, bracket: Bracket) -> Result<Token<'a>, JsonError> {
        if self.open.len() == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.open.push(bracket);
        Ok(match bracket {
            Bracket::Object => {
                self.place = Place::FirstKey;
                Token::ObjectStart
            }
            Bracket::Array => {
                self.place = Place::FirstElement;
                Token::ArrayStart
            }
        })
    }

    fn close(&mut self) -> Token<'a> {
        self.at += 1;
        self.place = Place::AfterValue;
        match self.open.pop() {
            Some(Bracket::Object) => Token::ObjectEnd,
            _ => Token::ArrayEnd,
        }
    }

    fn key(&mut self) -> Result<Token<'a>, JsonError> {
        let key = self.string()?;
        match self.skip_space() {
            Some(b':') => {
                self.at += 1;
                self.place = Place::Value;
                Ok(Token::Key(key))
            }
            Some(byte) => Err(invalid(byte, "after object key")),
            None => Err(JsonError::UnexpectedEnd),
        }
    }

    /// Takes the next byte if it passes the test, else names it in an error.
    fn expect(&mut self, context: &str, test: impl Fn(u8) -> bool) -> Result<u8, JsonError> {
        match self.peek() {
            Some(byte) if test(byte) => {
                self.at += 1;
                Ok(byte)
            }
            Some(byte) => Err(invalid(byte, context)),
            None => Err(JsonError::UnexpectedEnd),
        }
    }

    fn string(&mut self) -> Result<&'a [u8], JsonError> {
        self.at += 1;
        let start = self.at;
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            self.at += IN_TEXT.first_in(rest).unwrap_or(rest.len());
            match self.expect("in string literal", |byte| byte >= 0x20)? {
                b'"' => return Ok(self.input.get(start..self.at - 1).unwrap_or_default()),
                b'\\' => {
                    let escape = self.expect("in string escape code", |byte| {
                        br#"bfnrtu\/""#.contains(&byte)
                    })?;
                    if escape == b'u' {
                        for _ in 0..4 {
                            self.expect("in \\u hexadecimal character escape", |byte| {
                                byte.is_ascii_hexdigit()
                            })?;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<&'a [u8], JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.expect("in numeric literal", |byte| byte.is_ascii_digit())? != b'0' {
            self.skip_digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.expect("after decimal point in numeric literal", |byte| {
                byte.is_ascii_digit()
            })?;
            self.skip_digits();
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.expect("in exponent of numeric literal", |byte| {
                byte.is_ascii_digit()
            })?;
            self.skip_digits();
        }
        Ok(self.input.get(start..self.at).unwrap_or_default())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, JsonError> {
        for expected in word.bytes() {
            match self.peek() {
                Some(byte) if byte == expected => self.at += 1,
                Some(byte) => {
                    let context = format!("in literal {word} (expecting {})", quote(expected));
                    return Err(invalid(byte, &context));
                }
                None => return Err(JsonError::UnexpectedEnd),
            }
        }
        Ok(token)
    }
}

fn invalid(byte: u8, context: &str) -> JsonError {
    JsonError::InvalidCharacter(format!("{} {context}", quote(byte)))
}

/// A byte as Go quotes it, read as a Latin-1 character.
fn quote(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        0x07 => r"'\a'".to_owned(),
        0x08 => r"'\b'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        0x0b => r"'\v'".to_owned(),
        0x0c => r"'\f'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u00{byte:02x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: impl AsRef<[u8]>) -> String {
        match Scanner::check(text.as_ref()) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn errors_are_worded_as_in_go() {
        let end = "unexpected end of JSON input";
        for text in [
            "",
            " ",
            "{",
            "[",
            "[1",
            "[1,",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "\"",
            "\"\\",
            "\"\\u12",
            "-",
            "1.",
            "1e",
            "1e+",
            "t",
            "nul",
        ] {
            assert_eq!(error(text), end, "{text}");
        }
        for (text, expected) in [
            ("x", "'x' looking for beginning of value"),
            ("\u{feff}{}", "'ï' looking for beginning of value"),
            ("[1,]", "']' looking for beginning of value"),
            ("{,", "',' looking for beginning of object key string"),
            (
                "{\"a\":1,}",
                "'}' looking for beginning of object key string",
            ),
            ("{'a'", "'\\'' looking for beginning of object key string"),
            ("{\"a\" 1", "'1' after object key"),
            ("{\"a\":1 \"b\"", "'\"' after object key:value pair"),
            ("{\"a\":01}", "'1' after object key:value pair"),
            ("[1 2]", "'2' after array element"),
            ("[1}", "'}' after array element"),
            ("{} x", "'x' after top-level value"),
            ("{}\0", "'\\x00' after top-level value"),
            ("\"a\nb\"", "'\\n' in string literal"),
            ("\"\\x41\"", "'x' in string escape code"),
            ("\"\\u12g4\"", "'g' in \\u hexadecimal character escape"),
            ("-a", "'a' in numeric literal"),
            ("1.a", "'a' after decimal point in numeric literal"),
            ("1ea", "'a' in exponent of numeric literal"),
            ("trUe", "'U' in literal true (expecting 'u')"),
            ("nulL", "'L' in literal null (expecting 'l')"),
        ] {
            assert_eq!(
                error(text),
                format!("invalid character {expected}"),
                "{text}"
            );
        }
        assert_eq!(
            error(b"\x80"),
            "invalid character '\\u0080' looking for beginning of value"
        );
    }

    #[test]
    fn values_of_every_kind_pass() {
        for text in [
            "{}",
            "[]",
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "-1.5e-3",
            "1E+2",
            "\"\"",
            "[[],{},\"\\u00e4\\n\"]",
            "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\\\"\"}\r\n\t",
        ] {
            assert_eq!(error(text), "", "{text}");
        }
        assert_eq!(error(b"\"\xff\xfe\""), "");
    }

    #[test]
    fn depth_is_limited_and_costs_no_stack() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(error(nested(10_000)), "");
        assert_eq!(error(nested(10_001)), "exceeded max depth");
        assert_eq!(error("[".repeat(1 << 20)), "exceeded max depth");
    }

    #[test]
    fn the_text_of_a_value_is_found_whole() {
        let text = br#" {"a" : [1, {"b":2}] , "c":"d"}"#;
        let mut scanner = Scanner::new(text);
        assert_eq!(scanner.next().unwrap(), Some(Token::ObjectStart));
        assert_eq!(scanner.next().unwrap(), Some(Token::Key(b"a")));
        let first = scanner.next().unwrap().unwrap();
        assert_eq!(scanner.value_text(first).unwrap(), br#"[1, {"b":2}]"#);
        assert_eq!(scanner.next().unwrap(), Some(Token::Key(b"c")));
        let first = scanner.next().unwrap().unwrap();
        assert_eq!(scanner.value_text(first).unwrap(), br#""d""#);
        assert_eq!(scanner.next().unwrap(), Some(Token::ObjectEnd));
        assert_eq!(scanner.next().unwrap(), None);
    }

    proptest::proptest! {
        #[test]
        fn the_scanner_accepts_what_serde_json_accepts(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\":", "1", "-", "0", ".5", "e+", "2", "true",
                    "null", "fals", "e", " ", "\n", "\\", "\\u00e9", "\\ud800", "\u{1}", "é", "[]", "{}",
                ]),
                0..12,
            ),
        ) {
            let text = pieces.concat();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            let ours = Scanner::check(text.as_bytes());
            proptest::prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
    }
}
