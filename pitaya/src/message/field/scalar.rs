//! Booleans, numbers and strings.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;

use super::super::wire::{self, Wire, WireError, WireType};
use super::{Field, FieldType};

/// Asks a format that people read for whatever stands there, because null is legal everywhere, and
/// any other for exactly the type, because it may not say what stands there.
macro_rules! read_scalar {
    ($from:ident, $hint:ident, $visitor:expr) => {
        if $from.is_human_readable() {
            $from.deserialize_any($visitor)
        } else {
            $from.$hint($visitor)
        }
    };
}

pub(super) use read_scalar;

/// The null of Go: a plain value stays as it is.
macro_rules! null_is_nothing {
    () => {
        fn visit_unit<E: Error>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_none<E: Error>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

pub(super) use null_is_nothing;

struct BoolVisitor<'a>(&'a mut bool);

impl Visitor<'_> for BoolVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    #[inline]
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        *self.0 = value;
        Ok(())
    }

    null_is_nothing!();
}

impl Field for bool {
    const TYPE: FieldType = FieldType::Bool;
    const WIRE: Option<WireType> = Some(WireType::Varint);

    #[inline]
    fn is_zero(&self) -> bool {
        !self
    }

    #[inline]
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bool(*self)
    }

    #[inline]
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        read_scalar!(from, deserialize_bool, BoolVisitor(self))
    }

    #[inline]
    fn put_value(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    #[inline]
    fn merge_value(&mut self, value: Wire<'_>, _: u32) -> Result<bool, WireError> {
        let Wire::Varint(value) = value else {
            return Ok(false);
        };
        *self = value != 0;
        Ok(true)
    }
}

struct IntegerVisitor<'a, T>(&'a mut T, &'static str);

impl<T: TryFrom<u64> + TryFrom<i64>> Visitor<'_> for IntegerVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer of type {}", self.1)
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match T::try_from(value) {
            Ok(value) => *self.0 = value,
            Err(_) => return Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
        Ok(())
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match T::try_from(value) {
            Ok(value) => *self.0 = value,
            Err(_) => return Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
        Ok(())
    }

    null_is_nothing!();
}

macro_rules! integer {
    ($type:ident, $field_type:ident, $serialize:ident, $deserialize:ident, $to_wire:expr) => {
        impl Field for $type {
            const TYPE: FieldType = FieldType::$field_type;
            const WIRE: Option<WireType> = Some(WireType::Varint);

            #[inline]
            fn is_zero(&self) -> bool {
                *self == 0
            }

            #[inline]
            fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.$serialize(*self)
            }

            #[inline]
            fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                read_scalar!(from, $deserialize, IntegerVisitor(self, stringify!($type)))
            }

            #[inline]
            fn put_value(&self, out: &mut Vec<u8>) {
                wire::put_varint($to_wire(*self), out);
            }

            // A varint that is too large for the type is cut, as every protobuf library does.
            #[inline]
            fn merge_value(&mut self, value: Wire<'_>, _: u32) -> Result<bool, WireError> {
                let Wire::Varint(value) = value else {
                    return Ok(false);
                };
                *self = value as $type;
                Ok(true)
            }
        }
    };
}

// A negative int32 is ten bytes: its sign goes through all 64 bits.
integer!(
    i32,
    Int32,
    serialize_i32,
    deserialize_i32,
    |value| i64::from(value) as u64
);
integer!(i64, Int64, serialize_i64, deserialize_i64, |value| value
    as u64);
integer!(u32, Uint32, serialize_u32, deserialize_u32, u64::from);
integer!(u64, Uint64, serialize_u64, deserialize_u64, |value| value);

trait Float {
    /// The nearest value of the type; none if there is none.
    fn nearest(value: f64) -> Option<Self>
    where
        Self: Sized;
}

impl Float for f64 {
    #[inline]
    fn nearest(value: f64) -> Option<Self> {
        Some(value)
    }
}

impl Float for f32 {
    #[inline]
    fn nearest(value: f64) -> Option<Self> {
        let narrow = value as f32;
        (narrow.is_finite() || !value.is_finite()).then_some(narrow)
    }
}

struct FloatVisitor<'a, T>(&'a mut T, &'static str);

impl<T: Float> Visitor<'_> for FloatVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of type {}", self.1)
    }

    #[inline]
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match T::nearest(value) {
            Some(value) => *self.0 = value,
            None => return Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
        Ok(())
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    null_is_nothing!();
}

macro_rules! float {
    ($type:ident, $bits:ident, $field_type:ident, $fixed:ident, $serialize:ident, $deserialize:ident) => {
        impl Field for $type {
            const TYPE: FieldType = FieldType::$field_type;
            const WIRE: Option<WireType> = Some(WireType::$fixed);

            #[inline]
            fn is_zero(&self) -> bool {
                *self == 0.0
            }

            // Minus zero is a value of its own on the wire.
            #[inline]
            fn is_implied(&self) -> bool {
                self.to_bits() == 0
            }

            #[inline]
            fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.$serialize(*self)
            }

            #[inline]
            fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                read_scalar!(from, $deserialize, FloatVisitor(self, stringify!($type)))
            }

            #[inline]
            fn put_value(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn merge_value(&mut self, value: Wire<'_>, _: u32) -> Result<bool, WireError> {
                let Wire::$fixed(bits) = value else {
                    return Ok(false);
                };
                *self = $type::from_bits(bits);
                Ok(true)
            }
        }
    };
}

float!(f32, u32, Float, Fixed32, serialize_f32, deserialize_f32);
float!(f64, u64, Double, Fixed64, serialize_f64, deserialize_f64);

struct StringVisitor<'a>(&'a mut String);

impl Visitor<'_> for StringVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        *self.0 = value.to_owned();
        Ok(())
    }

    #[inline]
    fn visit_string<E: Error>(self, value: String) -> Result<(), E> {
        *self.0 = value;
        Ok(())
    }

    null_is_nothing!();
}

impl Field for String {
    const TYPE: FieldType = FieldType::String;
    const WIRE: Option<WireType> = Some(WireType::Length);

    #[inline]
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }

    #[inline]
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        read_scalar!(from, deserialize_string, StringVisitor(self))
    }

    #[inline]
    fn put_value(&self, out: &mut Vec<u8>) {
        wire::put_bytes(self.as_bytes(), out);
    }

    #[inline]
    fn merge_value(&mut self, value: Wire<'_>, _: u32) -> Result<bool, WireError> {
        let Wire::Length(bytes) = value else {
            return Ok(false);
        };
        *self = str::from_utf8(bytes)
            .map_err(|_| WireError::NotText)?
            .to_owned();
        Ok(true)
    }
}
