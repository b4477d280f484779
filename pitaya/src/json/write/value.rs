//! The serializer of values: one walk, one buffer.

use std::fmt::{self, Display, Write as _};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::key::Key;
use super::{Escaped, WriteError, float, format, integer, write_float, write_name, write_text};

/// What goes wrong on the way, behind a pointer: results stay small.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Box<WriteError>);

pub(super) type Outcome = Result<(), Failure>;

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl ser::Error for Failure {
    #[cold]
    fn custom<T: Display>(message: T) -> Self {
        Self(Box::new(WriteError::Value(ser::Error::custom(message))))
    }
}

/// Refuses the floats that JSON has no form for.
pub(super) fn finite(value: f64) -> Outcome {
    if value.is_finite() {
        return Ok(());
    }
    let name = match value {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    };
    Err(Failure(Box::new(WriteError::NotFinite(name))))
}

pub(super) fn write_f32(value: f32, out: &mut Vec<u8>) {
    let size = value.abs();
    float(value, size != 0.0 && !(1e-6..1e21).contains(&size), out);
}

/// Writes one value behind what the buffer holds.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

/// Structs of these names hold one string, which is JSON text already: serde_json's `RawValue`, and
/// its `Number` if that is asked to keep every digit.
const RAW: [&str; 2] = [
    "$serde_json::private::RawValue",
    "$serde_json::private::Number",
];

macro_rules! integers {
    ($($method:ident($type:ty))*) => {
        $(#[inline]
        fn $method(self, value: $type) -> Outcome {
            #[allow(unused_comparisons, reason = "the types without sign are never negative")]
            integer(value < 0, i128::from(value).unsigned_abs() as u64, self.0);
            Ok(())
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    integers! {
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
    }

    fn serialize_i128(self, value: i128) -> Outcome {
        format(format_args!("{value}"), self.0);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Outcome {
        format(format_args!("{value}"), self.0);
        Ok(())
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Outcome {
        self.0
            .extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Outcome {
        finite(value.into())?;
        write_f32(value, self.0);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        finite(value)?;
        write_float(value, self.0);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Outcome {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Outcome {
        write_text(value, self.0);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Outcome {
        format(
            format_args!("\"{}\"", Base64Display::new(value, &STANDARD)),
            self.0,
        );
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Outcome {
        self.0.push(b'"');
        write!(Escaped(self.0), "{value}").map_err(ser::Error::custom)?;
        self.0.push(b'"');
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Outcome {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Outcome {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        let mut parts = Parts::open(self.0, b'{');
        parts.named(variant, value)?;
        parts.close(b"}")
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open(self.0, b'['))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open(self.0, b'['))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open(self.0, b'['))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open_variant(self.0, variant, b'['))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open(self.0, b'{'))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Parts<'a>, Failure> {
        if RAW.contains(&name) {
            return Ok(Parts {
                out: self.0,
                lead: b'{',
                raw: true,
            });
        }
        Ok(Parts::open(self.0, b'{'))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Failure> {
        Ok(Parts::open_variant(self.0, variant, b'{'))
    }
}

/// The elements or members of a value that has begun.
pub(super) struct Parts<'a> {
    out: &'a mut Vec<u8>,
    /// Due before the next part: the bracket, then commas.
    lead: u8,
    /// No brackets at all: the one part is JSON text.
    raw: bool,
}

impl<'a> Parts<'a> {
    #[inline]
    fn open(out: &'a mut Vec<u8>, bracket: u8) -> Self {
        Self {
            out,
            lead: bracket,
            raw: false,
        }
    }

    fn open_variant(out: &'a mut Vec<u8>, variant: &str, bracket: u8) -> Self {
        write_name(b'{', variant, out);
        Self::open(out, bracket)
    }

    #[inline]
    fn lead(&mut self) -> u8 {
        std::mem::replace(&mut self.lead, b',')
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        let lead = self.lead();
        self.out.push(lead);
        value.serialize(Writer(self.out))
    }

    #[inline]
    fn named<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Outcome {
        if self.raw {
            return self.raw(value);
        }
        write_name(self.lead(), key, self.out);
        value.serialize(Writer(self.out))
    }

    #[cold]
    fn raw<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        let text = serde_json::to_value(value).map_err(ser::Error::custom)?;
        self.out
            .extend_from_slice(text.as_str().unwrap_or("null").as_bytes());
        Ok(())
    }

    #[inline]
    fn close(self, brackets: &[u8]) -> Outcome {
        if self.raw {
            return Ok(());
        }
        if self.lead != b',' {
            self.out.push(self.lead);
        }
        self.out.extend_from_slice(brackets);
        Ok(())
    }
}

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        let lead = self.lead();
        self.out.push(lead);
        key.serialize(Key(self.out))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }

    #[inline]
    fn end(self) -> Outcome {
        self.close(b"}")
    }
}

macro_rules! parts {
    ($($part:ident { $method:ident($($key:ident: $type:ty)?) -> $inner:ident, $brackets:literal })*) => {
        $(impl $part for Parts<'_> {
            type Ok = ();
            type Error = Failure;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, $($key: $type,)? value: &T) -> Outcome {
                self.$inner($($key,)? value)
            }

            #[inline]
            fn end(self) -> Outcome {
                self.close($brackets)
            }
        })*
    };
}

parts! {
    SerializeSeq { serialize_element() -> element, b"]" }
    SerializeTuple { serialize_element() -> element, b"]" }
    SerializeTupleStruct { serialize_field() -> element, b"]" }
    SerializeTupleVariant { serialize_field() -> element, b"]}" }
    SerializeStruct { serialize_field(key: &'static str) -> named, b"}" }
    SerializeStructVariant { serialize_field(key: &'static str) -> named, b"}}" }
}
