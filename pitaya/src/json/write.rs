//! Writing: JSON with Go's conventions, straight behind what a buffer holds.
//!
//! A serializer of its own, because the general one looks at every string twice and cannot refuse
//! the numbers that JSON has no form for. It must never buffer a value.

mod key;
mod value;

use std::fmt::{self, Display, LowerExp};
use std::io::Write as _;

use serde::Serialize;
use thiserror::Error;

use super::bytes::TO_ESCAPE;
use value::{Failure, Writer};

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
        /// What the value says.
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
    value.serialize(Writer(out)).map_err(|Failure(error)| {
        out.truncate(start);
        *error
    })
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends the name of a member, between the byte that is due before it and a colon.
fn write_name(lead: u8, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&[lead, b'"']);
    write_escaped(name, out);
    out.extend_from_slice(b"\":");
}

/// Appends a finite float: plain decimals from 1e-6 up to 1e21, else with an
/// exponent (`1e-7`, `1e+21`).
pub(crate) fn write_float(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    float(value, size != 0.0 && !(1e-6..1e21).contains(&size), out);
}

fn float<F: Display + LowerExp>(value: F, exponent: bool, out: &mut Vec<u8>) {
    if !exponent {
        format(format_args!("{value}"), out);
        return;
    }
    let start = out.len();
    format(format_args!("{value:e}"), out);
    let written = out.get(start..).unwrap_or_default();
    let at = written.iter().position(|&byte| byte == b'e');
    if let Some(at) = at.filter(|at| written.get(at + 1) != Some(&b'-')) {
        out.insert(start + at + 1, b'+');
    }
}

/// Appends what needs no escapes.
fn format(text: fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

/// Appends a decimal number.
#[inline]
pub(crate) fn integer(negative: bool, value: u64, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    // What codes, counts and places usually are.
    if value < 1000 {
        short_integer(value as u16, out);
    } else {
        long_integer(value, out);
    }
}

/// Up to three digits.
fn short_integer(value: u16, out: &mut Vec<u8>) {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    match value {
        0..10 => out.push(digit(value)),
        10..100 => out.extend_from_slice(&[digit(value / 10), digit(value)]),
        _ => out.extend_from_slice(&[digit(value / 100), digit(value / 10), digit(value)]),
    }
}

fn long_integer(mut rest: u64, out: &mut Vec<u8>) {
    // The longest has 20 digits, or 19 and a sign.
    let mut digits = [0_u8; 20];
    let mut length = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Appends text as it stands between the quotes of a string.
#[inline]
fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    match TO_ESCAPE.first_in(bytes) {
        None => out.extend_from_slice(bytes),
        Some(at) => write_suspect(bytes, at, out),
    }
}

/// The same for text whose first suspect byte is at `at`.
#[cold]
fn write_suspect(bytes: &[u8], mut at: usize, out: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        let (plain, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let used = match from {
            [] => return,
            [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => {
                out.extend_from_slice(if *last == 0xa8 {
                    br"\u2028"
                } else {
                    br"\u2029"
                });
                3
            }
            [0xe2, ..] => {
                out.push(0xe2);
                1
            }
            [byte, ..] => {
                match byte {
                    b'"' => out.extend_from_slice(br#"\""#),
                    b'\\' => out.extend_from_slice(br"\\"),
                    b'\n' => out.extend_from_slice(br"\n"),
                    b'\r' => out.extend_from_slice(br"\r"),
                    b'\t' => out.extend_from_slice(br"\t"),
                    0x08 => out.extend_from_slice(br"\b"),
                    0x0c => out.extend_from_slice(br"\f"),
                    byte => format(format_args!("\\u{byte:04x}"), out),
                }
                1
            }
        };
        rest = from.get(used..).unwrap_or_default();
        at = TO_ESCAPE.first_in(rest).unwrap_or(rest.len());
    }
}

/// Escapes what a value's own `Display` writes.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_escaped(text, self.0);
        Ok(())
    }
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
    fn integers_of_every_length_are_written_whole() {
        let edges = (0..20).map(|digits| 10_u64.pow(digits));
        for value in edges
            .flat_map(|value| [value - 1, value, value + 1])
            .chain([u64::MAX])
        {
            check(&value, &value.to_string());
            if let Ok(value) = i64::try_from(value) {
                check(&-value, &(-value).to_string());
            }
        }
        check(&i64::MIN, "-9223372036854775808");
    }

    #[test]
    fn every_shape_has_its_brackets_also_when_it_is_empty() {
        #[derive(Serialize)]
        struct Empty {}
        #[derive(Serialize)]
        struct None();
        #[derive(Serialize)]
        struct Two(u8, u8);
        #[derive(Serialize)]
        enum Shape {
            NoneInside(),
            Inside(u8, u8),
            Nothing {},
            Named { a: u8, b: u8 },
        }
        check(&Empty {}, "{}");
        check(&None(), "[]");
        check(&Two(1, 2), "[1,2]");
        check(&Shape::NoneInside(), r#"{"NoneInside":[]}"#);
        check(&Shape::Inside(1, 2), r#"{"Inside":[1,2]}"#);
        check(&Shape::Nothing {}, r#"{"Nothing":{}}"#);
        check(&Shape::Named { a: 1, b: 2 }, r#"{"Named":{"a":1,"b":2}}"#);
        check(&BTreeMap::<String, u8>::new(), "{}");
        check(&[[0; 0]; 2], "[[],[]]");
        check(
            &(vec![BTreeMap::<u8, u8>::new()], Vec::<u8>::new()),
            "[[{}],[]]",
        );
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

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(i8),
        Pair(u8, char),
        Struct { a: Option<bool>, b: () },
    }

    #[derive(Serialize)]
    struct Tuple(u64, i64);

    #[derive(Serialize)]
    struct Everything {
        shapes: Vec<Shape>,
        tuple: Tuple,
        numbers: (i8, i16, i32, i64, u8, u16, u32, u64, i128, u128),
        keys: BTreeMap<i32, BTreeMap<char, BTreeMap<bool, [String; 0]>>>,
        address: std::net::IpAddr,
        some: Option<Option<&'static str>>,
    }

    #[test]
    fn what_go_has_no_opinion_on_looks_as_serde_json_writes_it() {
        let value = Everything {
            shapes: vec![
                Shape::Unit,
                Shape::New(-1),
                Shape::Pair(2, '"'),
                Shape::Struct {
                    a: Some(true),
                    b: (),
                },
                Shape::Struct { a: None, b: () },
            ],
            tuple: Tuple(u64::MAX, i64::MIN),
            numbers: (
                i8::MIN,
                -1,
                i32::MIN,
                i64::MAX,
                0,
                10,
                u32::MAX,
                99,
                i128::MIN,
                u128::MAX,
            ),
            keys: BTreeMap::from([(-5, BTreeMap::from([('\n', BTreeMap::from([(false, [])]))]))]),
            address: std::net::Ipv6Addr::LOCALHOST.into(),
            some: Some(Some("x")),
        };
        check(&value, &serde_json::to_string(&value).unwrap());
    }

    #[test]
    fn a_struct_that_holds_json_text_is_written_as_that_text() {
        struct RawValue;
        impl Serialize for RawValue {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                let name = "$serde_json::private::RawValue";
                let mut raw = serializer.serialize_struct(name, 1)?;
                raw.serialize_field(name, r#"{"a" : "<"}"#)?;
                raw.end()
            }
        }
        check(&[RawValue, RawValue], r#"[{"a" : "<"},{"a" : "<"}]"#);
    }

    #[test]
    fn keys_that_are_no_text_are_refused() {
        for refused in [
            text(&BTreeMap::from([(None::<i32>, 1)])),
            text(&BTreeMap::from([(vec![1], 1)])),
            text(&BTreeMap::from([((), 1)])),
        ] {
            assert_eq!(refused, Err("json: key must be a string".to_owned()));
        }
    }
}
