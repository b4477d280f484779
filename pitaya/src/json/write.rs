//! Writing: a serde_json formatter with Go's conventions.
//!
//! It only changes how single values look; it must never buffer a value or
//! allocate for one.

use std::{
    fmt::{Display, LowerExp},
    io::{self, Write},
};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use thiserror::Error;

use super::finite;

/// Why a value cannot be written as JSON.
#[derive(Debug, Error)]
pub enum WriteError {
    /// JSON has no form for NaN and the infinities.
    #[error("json: unsupported value: {0}")]
    NotFinite(
        /// `NaN`, `+Inf` or `-Inf`.
        &'static str,
    ),
    /// The value's own serialisation failed, or a map has keys that are no text.
    #[error("json: {0}")]
    Value(
        /// What serde_json says.
        serde_json::Error,
    ),
}

/// Appends `value` as Go would write it: no spaces, `<`, `>`, `&`, U+2028 and
/// U+2029 escaped, byte strings in base64, floats as the shortest decimal that
/// reads back the same.
///
/// Fields and map entries keep the order the value gives them: for Go's sorted
/// keys use an ordered map.
///
/// # Errors
/// [`WriteError`]; `out` is unchanged then.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let start = out.len();
    let mut wrote_null = false;
    let formatter = GoFormatter {
        wrote_null: &mut wrote_null,
    };
    let written = value.serialize(&mut Serializer::with_formatter(&mut *out, formatter));
    let result = match written {
        // serde_json writes a null for a number that JSON has no form for.
        Ok(()) if wrote_null => finite::check(value).map_err(WriteError::NotFinite),
        Ok(()) => return Ok(()),
        Err(error) => Err(WriteError::Value(error)),
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    let formatter = GoFormatter {
        wrote_null: &mut false,
    };
    // Text written to memory cannot fail.
    let _ = text.serialize(&mut Serializer::with_formatter(out, formatter));
}

/// Writes a finite float: plain decimals from 1e-6 up to 1e21, else with an
/// exponent (`1e-7`, `1e+21`).
pub(crate) fn write_float<W: Write + ?Sized>(value: f64, writer: &mut W) -> io::Result<()> {
    let size = value.abs();
    float(value, size != 0.0 && !(1e-6..1e21).contains(&size), writer)
}

fn float<W, F>(value: F, exponent: bool, writer: &mut W) -> io::Result<()>
where
    W: Write + ?Sized,
    F: Display + LowerExp,
{
    if !exponent {
        return write!(writer, "{value}");
    }
    // The longest shortest form is -1.2345678901234567e-308.
    let mut buffer = [0_u8; 32];
    let mut rest = &mut buffer[..];
    write!(rest, "{value:e}")?;
    let unused = rest.len();
    let text = buffer.get(..buffer.len() - unused).unwrap_or_default();
    match text.iter().position(|&byte| byte == b'e') {
        Some(at) if text.get(at + 1) != Some(&b'-') => {
            let (mantissa, exponent) = text.split_at(at);
            writer.write_all(mantissa)?;
            writer.write_all(b"e+")?;
            writer.write_all(exponent.get(1..).unwrap_or_default())
        }
        _ => writer.write_all(text),
    }
}

struct GoFormatter<'a> {
    /// Set when a null was written, which may stand for a NaN.
    wrote_null: &'a mut bool,
}

impl Formatter for GoFormatter<'_> {
    #[inline]
    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        *self.wrote_null = true;
        writer.write_all(b"null")
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write_float(value, writer)
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        let size = value.abs();
        float(value, size != 0.0 && !(1e-6..1e21).contains(&size), writer)
    }

    #[inline]
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Without an early exit, so that it becomes vector instructions.
        let suspect = fragment
            .bytes()
            .fold(false, |found, byte| found | is_suspect(byte));
        if suspect {
            write_escaped(writer, fragment)
        } else {
            writer.write_all(fragment.as_bytes())
        }
    }

    fn write_byte_array<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        write!(writer, "\"{}\"", Base64Display::new(value, &STANDARD))
    }
}

/// Bytes at which an escape may be due; 0xe2 starts U+2028 and U+2029.
#[inline]
const fn is_suspect(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | 0xe2)
}

#[cold]
fn write_escaped<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let escaped = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    let mut rest = fragment;
    while let Some(at) = rest.find(escaped) {
        let (plain, from) = rest.split_at(at);
        writer.write_all(plain.as_bytes())?;
        let mut chars = from.chars();
        if let Some(c) = chars.next() {
            write!(writer, "\\u{:04x}", u32::from(c))?;
        }
        rest = chars.as_str();
    }
    writer.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text<T: Serialize + ?Sized>(value: &T) -> Result<String, String> {
        let mut out = b"kept".to_vec();
        let result = write(value, &mut out).map_err(|error| error.to_string());
        let text = String::from_utf8(out.split_off(4)).unwrap();
        assert_eq!(out, b"kept");
        assert!(result.is_ok() || text.is_empty());
        result.map(|()| text)
    }

    #[track_caller]
    fn check<T: Serialize + ?Sized>(value: &T, expected: &str) {
        assert_eq!(text(value), Ok(expected.to_owned()));
    }

    #[test]
    fn floats_look_as_go_prints_them() {
        check(&1.0_f64, "1");
        check(&-0.0_f64, "-0");
        check(&30.0_f64, "30");
        check(&0.1_f64, "0.1");
        check(&1e-6_f64, "0.000001");
        check(&9.99e-7_f64, "9.99e-7");
        check(&1e-7_f64, "1e-7");
        check(&-1.5e-10_f64, "-1.5e-10");
        check(&1e20_f64, "100000000000000000000");
        check(&1e21_f64, "1e+21");
        check(&-1.5e300_f64, "-1.5e+300");
        check(&5e-324_f64, "5e-324");
        check(&f64::MAX, "1.7976931348623157e+308");
        check(
            &-1.234_567_890_123_456_7e-308_f64,
            "-1.2345678901234567e-308",
        );
        check(&12345678901234567890.0_f64, "12345678901234567000");
        check(&0.1_f32, "0.1");
        check(&16777216.0_f32, "16777216");
        check(&1e21_f32, "1e+21");
        check(&1e-7_f32, "1e-7");
        check(&1e-6_f32, "0.000001");
        check(&f32::MAX, "3.4028235e+38");
    }

    #[test]
    fn numbers_without_a_form_are_refused_wherever_they_stand() {
        let refused = |name: &str| Err(format!("json: unsupported value: {name}"));
        assert_eq!(text(&f64::NAN), refused("NaN"));
        assert_eq!(text(&[1.0, f64::INFINITY]), refused("+Inf"));
        assert_eq!(text(&(1, "a", Some(f32::NEG_INFINITY))), refused("-Inf"));
        let map = BTreeMap::from([("k", Ok::<_, ()>(vec![f64::NAN]))]);
        assert_eq!(text(&map), refused("NaN"));
        check(&(None::<f64>, (), [0.5]), "[null,null,[0.5]]");
    }

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        check("a<b>&c", r#""a\u003cb\u003e\u0026c""#);
        check("\u{2028}€\u{2029}â\u{2030}", "\"\\u2028€\\u2029â\u{2030}\"");
        check(
            "\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}\"\\/",
            "\"\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\\\"\\\\/\"",
        );
        check("日本 😀", "\"日本 😀\"");
        check(&BTreeMap::from([("<", 1)]), r#"{"\u003c":1}"#);
    }

    #[test]
    fn byte_strings_are_base64() {
        struct Bytes<'a>(&'a [u8]);
        impl Serialize for Bytes<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }
        check(&Bytes(b""), "\"\"");
        check(&Bytes(b"\xff\xfe\x00\x01"), "\"//4AAQ==\"");
    }

    #[test]
    fn a_value_that_fails_leaves_the_buffer_alone() {
        let map = BTreeMap::from([((1, 2), 3)]);
        assert!(text(&map).unwrap_err().starts_with("json: "));
    }
}
