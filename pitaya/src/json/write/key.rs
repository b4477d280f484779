//! The serializer of map keys: texts, and what has one obvious text.

use std::fmt::Display;

use serde::ser::{Error as _, Impossible, Serialize, Serializer};

use super::value::{Failure, Outcome, Writer, finite, write_f32};
use super::{write_float, write_text};

/// Writes one key, in quotes, behind what the buffer holds.
pub(super) struct Key<'a>(pub(super) &'a mut Vec<u8>);

impl Key<'_> {
    fn quoted(self, write: impl FnOnce(&mut Vec<u8>)) -> Outcome {
        self.0.push(b'"');
        write(self.0);
        self.0.push(b'"');
        Ok(())
    }
}

#[cold]
fn not_text() -> Failure {
    Failure::custom("key must be a string")
}

macro_rules! plain {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, value: $type) -> Outcome {
            self.quoted(|out| super::format(format_args!("{value}"), out))
        })*
    };
}

macro_rules! refused {
    ($($method:ident($($arg:ty),*) -> $output:ty)*) => {
        $(fn $method(self, $(_: $arg),*) -> Result<$output, Failure> { Err(not_text()) })*
    };
}

type No = Impossible<(), Failure>;

impl Serializer for Key<'_> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    plain! {
        serialize_bool(bool)
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
    }

    fn serialize_f32(self, value: f32) -> Outcome {
        finite(value.into())?;
        self.quoted(|out| write_f32(value, out))
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        finite(value)?;
        self.quoted(|out| write_float(value, out))
    }

    fn serialize_char(self, value: char) -> Outcome {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Outcome {
        write_text(value, self.0);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Outcome {
        Writer(self.0).collect_str(value)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Outcome {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Outcome {
        Err(not_text())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Outcome {
        Err(not_text())
    }

    refused! {
        serialize_bytes(&[u8]) -> ()
        serialize_none() -> ()
        serialize_unit() -> ()
        serialize_unit_struct(&'static str) -> ()
        serialize_seq(Option<usize>) -> No
        serialize_tuple(usize) -> No
        serialize_tuple_struct(&'static str, usize) -> No
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No
        serialize_map(Option<usize>) -> No
        serialize_struct(&'static str, usize) -> No
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No
    }
}
