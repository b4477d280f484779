//! The quick way of reading: a deserializer for the texts that clients usually send.
//!
//! It declines whatever it does not take, without a reason: the caller then reads the same text the
//! long way, which finds the value after all or the words for the error. So this module may decline
//! anything, and must never take what the long way refuses or takes for another value.

mod number;
mod parts;

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};

use self::parts::{Elements, Members, Variant};
use super::bytes::IN_TEXT;
use super::read::unescape;

/// Reads one value of a type from a whole text.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Declined> {
    let mut reader = Reader {
        input: body,
        at: 0,
        depth: 0,
    };
    let value = T::deserialize(&mut reader)?;
    match reader.skip_space() {
        None => Ok(value),
        Some(_) => Err(Declined),
    }
}

/// No reason is given.
#[derive(Debug)]
pub(super) struct Declined;

impl Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("declined")
    }
}

impl std::error::Error for Declined {}

impl de::Error for Declined {
    #[cold]
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

type Outcome<T> = Result<T, Declined>;

/// Values inside each other, as serde_json has it.
const MAX_DEPTH: u32 = 127;

/// Reads from a text, front to back.
struct Reader<'de> {
    input: &'de [u8],
    /// Offset of the next unread byte.
    at: usize,
    /// Brackets that are open.
    depth: u32,
}

/// A string between its quotes.
enum Text<'de> {
    /// As it stands, which may be no UTF-8.
    Plain(&'de [u8]),
    /// With escapes, all of them valid.
    Escaped(&'de [u8]),
}

impl<'de> Text<'de> {
    #[inline]
    fn to_str(&self) -> Cow<'de, str> {
        match *self {
            Self::Plain(raw) => match str::from_utf8(raw) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => unescape(raw),
            },
            Self::Escaped(raw) => unescape(raw),
        }
    }

    #[inline]
    fn visit<V: Visitor<'de>>(&self, visitor: V) -> Outcome<V::Value> {
        match self.to_str() {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }
}

impl<'de> Reader<'de> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// The next byte that is no white space; it stays unread.
    #[inline]
    fn skip_space(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes this byte, white space before it passed over.
    #[inline]
    fn take(&mut self, expected: u8) -> Outcome<()> {
        if self.peek() != Some(expected) && self.skip_space() != Some(expected) {
            return Err(Declined);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn word(&mut self, word: &'static [u8]) -> Outcome<()> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Declined);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string, its first quote included.
    #[inline]
    fn text(&mut self) -> Outcome<Text<'de>> {
        self.take(b'"')?;
        let rest = self.input.get(self.at..).unwrap_or_default();
        let length = IN_TEXT.first_in(rest).ok_or(Declined)?;
        let (plain, after) = rest.split_at_checked(length).ok_or(Declined)?;
        if after.first() != Some(&b'"') {
            return self.escaped_text(length);
        }
        self.at += length + 1;
        Ok(Text::Plain(plain))
    }

    /// The same from its first byte on, when the one at `length` is no quote.
    #[cold]
    fn escaped_text(&mut self, mut length: usize) -> Outcome<Text<'de>> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        loop {
            match rest.get(length..).unwrap_or_default() {
                [b'"', ..] => {
                    let raw = rest.get(..length).unwrap_or_default();
                    self.at += length + 1;
                    return Ok(Text::Escaped(raw));
                }
                [b'\\', b'u', a, b, c, d, ..] => {
                    if ![a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) {
                        return Err(Declined);
                    }
                    length += 6;
                }
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                    ..,
                ] => length += 2,
                [0x20..=0x5b | 0x5d.., ..] => length += 1,
                _ => return Err(Declined),
            }
        }
    }

    /// Opens a bracket that was peeked at.
    #[inline]
    fn open(&mut self) -> Outcome<()> {
        if self.depth == MAX_DEPTH {
            return Err(Declined);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self, bracket: u8) -> Outcome<()> {
        self.depth -= 1;
        self.take(bracket)
    }

    #[inline]
    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<V::Value> {
        self.open()?;
        let value = visitor.visit_seq(Elements::new(self))?;
        self.close(b']')?;
        Ok(value)
    }

    #[inline]
    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<V::Value> {
        self.open()?;
        let value = visitor.visit_map(Members::new(self))?;
        self.close(b'}')?;
        Ok(value)
    }

    /// Passes over one value.
    fn skip_value(&mut self) -> Outcome<()> {
        match self.skip_space() {
            Some(b'"') => self.text().map(|_| ()),
            Some(b'{') => {
                self.open()?;
                let mut started = false;
                while self.skip_space() != Some(b'}') {
                    if started {
                        self.take(b',')?;
                    }
                    started = true;
                    self.text()?;
                    self.take(b':')?;
                    self.skip_value()?;
                }
                self.close(b'}')
            }
            Some(b'[') => {
                self.open()?;
                let mut started = false;
                while self.skip_space() != Some(b']') {
                    if started {
                        self.take(b',')?;
                    }
                    started = true;
                    self.skip_value()?;
                }
                self.close(b']')
            }
            Some(b'n') => self.word(b"null"),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            _ => self.number(number::Wanted::F64).map(|_| ()),
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            self.skip_space();
            self.number(number::Wanted::F64)?.visit(visitor)
        })*
    };
}

/// A struct of such a name is serde_json's way to ask for the text itself.
fn is_private(name: &str) -> bool {
    name.starts_with("$serde_json::private::")
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Declined;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b'"') => self.text()?.visit(visitor),
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.list(visitor),
            Some(b'n') => {
                self.word(b"null")?;
                visitor.visit_unit()
            }
            Some(b't') => {
                self.word(b"true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.word(b"false")?;
                visitor.visit_bool(false)
            }
            _ => self.number(number::Wanted::F64)?.visit(visitor),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b't' | b'f') => self.deserialize_any(visitor),
            _ => Err(Declined),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.skip_space();
        self.number(number::Wanted::F32)?.visit(visitor)
    }

    /// Rare, and more than a number here holds.
    fn deserialize_i128<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.text()?.visit(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.text()?.visit(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.text()?.visit(visitor)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.text()?.visit(visitor)
    }

    /// A string's bytes are not its text when that has to be repaired.
    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.skip_space() == Some(b'n') {
            self.word(b"null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.skip_space();
        self.word(b"null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        if is_private(name) {
            return Err(Declined);
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b'[') => self.list(visitor),
            _ => Err(Declined),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Outcome<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b'{') => self.object(visitor),
            _ => Err(Declined),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b'{') if !is_private(name) => self.object(visitor),
            Some(b'[') => self.list(visitor),
            _ => Err(Declined),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        match self.skip_space() {
            Some(b'"') => visitor.visit_enum(Variant::Name(self)),
            Some(b'{') => {
                self.open()?;
                let value = visitor.visit_enum(Variant::WithValue(self))?;
                self.close(b'}')?;
                Ok(value)
            }
            _ => Err(Declined),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.skip_value()?;
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests;
