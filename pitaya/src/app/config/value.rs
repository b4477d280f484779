//! Values as they are written, and their meaning: Go durations, byte sizes, numbers and flags.
//!
//! Total functions on untrusted text: every input has an answer, and a refusal says what would have been accepted.

use std::fmt;
use std::time::Duration;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The units of a Go duration in nanoseconds, largest first; both spellings of the micro sign are in use.
const TIME_UNITS: [(&str, i128); 8] = [
    ("h", 3600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// The units of a byte size, largest first, compared without regard to case.
const SIZE_UNITS: [(&str, i128); 7] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
];

/// A value as a file, an environment variable or code gives it, before its key says what it should be.
///
/// Text is as good as any other kind: `"20"` is a number and `"true"` a flag, because environment variables have
/// nothing but text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Anything in quotes, and every environment variable.
    Text(String),
    /// A duration given by code.
    Time(Duration),
    /// A list in a file.
    List(Vec<Value>),
    /// A key with nothing behind it: it counts as not set, like an empty environment variable.
    Nothing,
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Flag(flag)
    }
}

macro_rules! from_number {
    ($($number:ty),*) => {$(
        impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Value::Int(number.into())
            }
        }
    )*};
}

from_number!(u16, u32, u64, i32, i64);

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        // No platform has a pointer wider than 128 bits; saturating keeps this total all the same.
        Value::Int(i128::try_from(number).unwrap_or(i128::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Value::Time(time)
    }
}

/// What a refusal quotes: the value as its writer would recognise it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number}"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Time(time) => f.write_str(&time_text(*time)),
            Value::List(_) => f.write_str("a list"),
            Value::Nothing => f.write_str("nothing"),
        }
    }
}

impl Value {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Nothing => true,
            Value::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The spellings of Go's `strconv.ParseBool`, which the original accepts, in any case.
    pub(super) fn to_flag(&self) -> Result<bool, String> {
        let flag = match self {
            Value::Flag(flag) => Some(*flag),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "1" => Some(true),
                "false" | "f" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        flag.ok_or_else(|| format!("{self} is not a flag, write true or false"))
    }

    pub(super) fn to_count(&self) -> Result<i128, String> {
        self.whole_number()
            .ok_or_else(|| format!("{self} is not a whole number, write one such as 100"))
    }

    pub(super) fn to_size(&self) -> Result<i128, String> {
        let size = match self {
            Value::Text(text) => parse_size(text),
            other => other.whole_number(),
        };
        size.ok_or_else(|| {
            format!("{self} is not a size in bytes, write one such as 65536 or \"64KiB\"")
        })
    }

    /// Nanoseconds, negative ones included so that a range check can name them.
    pub(super) fn to_nanos(&self) -> Result<i128, String> {
        if let Some(number) = self.whole_number() {
            return if number == 0 {
                Ok(0)
            } else {
                Err(without_unit(self, number))
            };
        }
        let nanos = match self {
            Value::Text(text) => parse_time(text),
            Value::Time(time) => nanos_of(*time),
            _ => None,
        };
        nanos.ok_or_else(|| {
            format!("{self} is not a duration, write one such as \"300ms\", \"10s\" or \"1m30s\"")
        })
    }

    fn whole_number(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            // Some writers of JSON give every number a fraction. The bound is where floats stop being exact.
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(*number as i128)
            }
            _ => None,
        }
    }
}

/// The original reads a bare number as nanoseconds, which nobody means; what it would have read helps to correct it.
fn without_unit(value: &Value, number: i128) -> String {
    let read_as = u64::try_from(number)
        .ok()
        .map(|nanos| time_text(Duration::from_nanos(nanos)));
    match read_as {
        Some(text) => format!(
            "{value} has no unit, write one such as \"10s\" (the original reads this as {text})"
        ),
        None => format!("{value} has no unit, write one such as \"10s\""),
    }
}

pub(super) fn nanos_of(time: Duration) -> Option<i128> {
    i128::try_from(time.as_nanos()).ok()
}

/// A positive duration in Go's text form, as peers send it.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let nanos = u64::try_from(parse_time(text)?).ok()?;
    Some(Duration::from_nanos(nanos))
}

/// Go's `time.ParseDuration`: an optional sign, then numbers with an optional fraction, each with its unit.
fn parse_time(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_len = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_len)?;
        let (_, nanos) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scale(whole, fraction, *nanos)?)?;
        rest = after;
    }
    Some(if negative { -total } else { total })
}

/// `whole.fraction` times `unit`, rounded down. Digits beyond the 18th would be less than a nanosecond of any unit.
fn scale(whole: &str, fraction: &str, unit: i128) -> Option<i128> {
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let (mut numerator, mut denominator): (i128, i128) = (0, 1);
    for digit in fraction.chars().take(18).filter_map(|c| c.to_digit(10)) {
        numerator = numerator * 10 + i128::from(digit);
        denominator *= 10;
    }
    whole
        .checked_mul(unit)?
        .checked_add(numerator.checked_mul(unit)? / denominator)
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn parse_size(text: &str) -> Option<i128> {
    let text = text.trim().to_ascii_lowercase();
    if let Ok(bytes) = text.parse() {
        return Some(bytes);
    }
    let (name, unit) = SIZE_UNITS.iter().find(|(name, _)| text.ends_with(name))?;
    let number: i128 = text.strip_suffix(name)?.trim_end().parse().ok()?;
    number.checked_mul(*unit)
}

/// A duration as Go writes it, without the parts that are zero: `1m30s`, `6h`, `300ms`.
pub(super) fn time_text(time: Duration) -> String {
    match nanos_of(time) {
        Some(nanos) => nanos_text(nanos),
        None => format!("{}s", time.as_secs()),
    }
}

pub(super) fn nanos_text(nanos: i128) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut text = String::from(if nanos < 0 { "-" } else { "" });
    let mut rest = nanos.unsigned_abs();
    for (name, unit) in TIME_UNITS.iter().filter(|(name, _)| name.is_ascii()) {
        let unit = unit.unsigned_abs();
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    text
}

/// A size in the largest binary unit that divides it.
pub(super) fn size_text(bytes: i128) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes != 0 && bytes % unit == 0 {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}
