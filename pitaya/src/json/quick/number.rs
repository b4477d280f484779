//! Numbers: whole ones by adding up digits, others by the standard library.

use serde::de::Visitor;

use super::{Declined, Outcome, Reader};

/// A number of the kind that serde_json makes of the same text.
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// How exact a fraction is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    F32,
    F64,
}

/// So many digits fit any integer type.
const SAFE_DIGITS: usize = 18;

impl Number {
    #[inline]
    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self {
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
        }
    }
}

impl Reader<'_> {
    /// The number that begins at the next byte.
    #[inline]
    pub(super) fn number(&mut self, wanted: Wanted) -> Outcome<Number> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let first = self.at;
        let mut whole = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.at - first;
        let leads_with_zero = self.input.get(first) == Some(&b'0');
        if digits == 0 || (leads_with_zero && digits > 1) {
            return Err(Declined);
        }
        // A negative zero is a float.
        let is_long = digits > SAFE_DIGITS || (negative && whole == 0);
        if is_long || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.long_number(start, wanted);
        }
        Ok(if negative {
            Number::Signed(-i64::try_from(whole).map_err(|_| Declined)?)
        } else {
            Number::Unsigned(whole)
        })
    }

    /// The same for a number that starts at `start`, of which the first digits are read.
    #[cold]
    fn long_number(&mut self, start: usize, wanted: Wanted) -> Outcome<Number> {
        let mut is_whole = true;
        if self.peek() == Some(b'.') {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.input.get(start..self.at).unwrap_or_default();
        let text = str::from_utf8(text).map_err(|_| Declined)?;
        if is_whole && !text.starts_with("-0") {
            if let Ok(value) = text.parse() {
                return Ok(Number::Unsigned(value));
            }
            if let Ok(value) = text.parse() {
                return Ok(Number::Signed(value));
            }
        }
        let value = match wanted {
            Wanted::F32 => text.parse::<f32>().map(f64::from),
            Wanted::F64 => text.parse::<f64>(),
        };
        value
            .ok()
            .filter(|value| value.is_finite())
            .map(Number::Float)
            .ok_or(Declined)
    }

    /// At least one digit.
    fn digits(&mut self) -> Outcome<()> {
        let first = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > first {
            Ok(())
        } else {
            Err(Declined)
        }
    }
}
