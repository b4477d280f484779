//! How one field of a `#[message]` type is written and read, by its Rust type.
//!
//! Generated code calls nothing but these traits and functions. JSON goes through serde, so that
//! custom codecs get every format serde has; the rules of Go's `encoding/json` that concern values
//! (null is the default, base64, numbers of enumerations) live here, those that concern text
//! (escaping, lossy UTF-8) in the JSON writer and reader. Protobuf is proto3, read from slices.

mod bytes;
mod choice;
mod containers;
mod interop;
mod map;
mod record;
mod scalar;
mod value;

use std::fmt::Debug;

use serde::de::{DeserializeSeed, Deserializer};
use serde::ser::{Serialize, Serializer};

pub use self::choice::{
    Enumeration, Oneof, OneofField, disjoint, merge_number, put_number, read_number, read_oneof,
    write_number,
};
pub use self::interop::{encode_raw, encoded_len, merge_foreign};
pub use self::map::MapKey;
pub use self::record::{
    Record, Sink, Source, decode_protobuf, merge_record, put_record, read_record, write_record,
};
use super::CodecError;
pub use super::descriptor::FieldType;
pub use super::json::{decode_json, encode_json};
use super::wire;
pub use super::wire::{Wire, WireError, WireType};

/// A type that a field of a message may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a message's field",
    label = "not a field type",
    note = "fields are `bool`, `i32`, `i64`, `u32`, `u64`, `f32`, `f64`, `String`, `Vec<u8>`, `Bytes`, types annotated with `#[pitaya::message]`, and `Option`, `Vec`, `Box`, `HashMap`, `BTreeMap` of these; in a `#[message(json)]` type also `serde_json::Value` and `pitaya::Json<T>`"
)]
pub trait Field: Clone + Debug + Default + PartialEq + Sized {
    /// The type in descriptors.
    const TYPE: FieldType;
    /// How one value stands on the wire; none for types that cannot repeat or that protobuf lacks.
    const WIRE: Option<WireType> = None;
    /// Whether a field of a protobuf message may have this type.
    const PROTOBUF: bool = Self::WIRE.is_some();

    /// The default, by a way that makes a wrong type give one error.
    #[inline]
    fn initial() -> Self {
        Self::default()
    }

    /// A clone, by the same way.
    #[inline]
    fn copy(&self) -> Self {
        self.clone()
    }

    /// Whether the values are equal, by the same way.
    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }

    /// The value for people, by the same way.
    #[inline]
    fn shown(&self) -> &dyn Debug
    where
        Self: 'static,
    {
        self
    }

    /// What Go's `omitempty` leaves out.
    fn is_zero(&self) -> bool;

    /// Writes the value in any serde format.
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;

    /// Reads the value over the present one; null leaves a plain value as it is, as in Go.
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error>;

    /// What proto3 does not write outside lists, because absence says it.
    #[inline]
    fn is_implied(&self) -> bool {
        self.is_zero()
    }

    /// Appends one value without a key, as lists and maps hold it.
    #[inline]
    fn put_value(&self, out: &mut Vec<u8>) {
        _ = out;
    }

    /// Merges one value; false when the wire type is another, which is skipped like an unknown field.
    #[inline]
    fn merge_value(&mut self, value: Wire<'_>, depth: u32) -> Result<bool, WireError> {
        _ = (value, depth);
        Ok(false)
    }

    /// Appends the whole field.
    #[inline]
    fn put_field(&self, number: u32, out: &mut Vec<u8>) {
        if !self.is_implied() {
            self.put_present(number, out);
        }
    }

    /// Appends the whole field, also when proto3 need not: in a oneof it says which one is there.
    #[inline]
    fn put_present(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(wire_type) = Self::WIRE {
            wire::put_key(number, wire_type, out);
            self.put_value(out);
        }
    }

    /// Merges one occurrence of the field.
    #[inline]
    fn merge_field(&mut self, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
        self.merge_value(value, depth)?;
        Ok(())
    }

    /// Writes the field into a record. Here and not at the sink, so that a wrong type gives one error.
    #[inline]
    fn write_to<S: Sink>(&self, key: &'static str, to: &mut S) -> Result<(), S::Error> {
        to.field(key, self)
    }

    /// Writes the field into a record unless it is zero.
    #[inline]
    fn write_unless_zero_to<S: Sink>(&self, key: &'static str, to: &mut S) -> Result<(), S::Error> {
        if self.is_zero() {
            to.omit(key, self)
        } else {
            to.field(key, self)
        }
    }

    /// Writes the value as a variant of a oneof: the oneof's name, the variant's index and name.
    fn write_member<S: Serializer>(
        &self,
        variant: (&'static str, u32, &'static str),
        to: S,
    ) -> Result<S::Ok, S::Error> {
        choice::write_member(self, variant, to)
    }

    /// Reads the field from a record.
    #[inline]
    fn read_from<'de, S: Source<'de>>(&mut self, from: &mut S) -> Result<(), S::Error> {
        from.read(self)
    }
}

/// Lends a field to serde for writing.
pub struct Written<'a, T>(pub &'a T);

impl<T: Field> Serialize for Written<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Lends a field to serde for reading in place.
pub struct Slot<'a, T>(pub &'a mut T);

impl<'de, T: Field> DeserializeSeed<'de> for Slot<'_, T> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.read(deserializer)
    }
}

/// Reads a message from any serde format, for custom codecs.
pub fn deserialize_erased<T: serde::de::DeserializeOwned>(
    source: &mut dyn erased_serde::Deserializer<'_>,
) -> Result<T, CodecError> {
    erased_serde::deserialize(source).map_err(|error| CodecError::new(error.to_string()))
}
