//! Messages with fields: how a whole struct goes through serde and protobuf.
//!
//! Generated code knows its fields only; the loops over what arrives are here, once.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeStruct, Serializer};

use super::super::CodecError;
use super::super::wire::{self, MAX_DEPTH, Wire, WireError};
use super::{Field, Slot, Written};

/// A struct with named fields: what `#[message]` knows of it.
pub trait Record: Default {
    /// The type's name.
    const NAME: &'static str;
    /// The names of the fields on the wire, in order of declaration.
    const KEYS: &'static [&'static str];
    /// Whether a field may stay out of the JSON form.
    const OMITS: bool;

    /// Writes every field, in order.
    fn write_fields<S: Sink>(&self, to: &mut S) -> Result<(), S::Error>;
    /// The index of the field with exactly this name.
    fn find(key: &[u8]) -> Option<usize>;
    /// Reads the value of the field with this index.
    fn read_field<'de, S: Source<'de>>(
        &mut self,
        index: usize,
        from: &mut S,
    ) -> Result<(), S::Error>;

    /// Appends every field, in order of numbers.
    fn put_fields(&self, out: &mut Vec<u8>) {
        _ = out;
    }
    /// Merges one occurrence of the field with this number, if there is one.
    fn merge_field(&mut self, number: u32, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
        _ = (number, value, depth);
        Ok(())
    }
}

/// Takes the fields of a record, in order.
pub trait Sink {
    /// Why a field was refused.
    type Error;
    /// Takes a field.
    fn field<T: Field>(&mut self, key: &'static str, value: &T) -> Result<(), Self::Error>;
    /// Takes a field that is to stay out where the format allows it.
    fn omit<T: Field>(&mut self, key: &'static str, value: &T) -> Result<(), Self::Error>;
}

/// Gives the value of a field.
pub trait Source<'de> {
    /// Why a value could not be read.
    type Error: Error;
    /// Reads the value over the present one.
    fn read<T: Field>(&mut self, into: &mut T) -> Result<(), Self::Error>;
    /// Passes over the value.
    fn skip(&mut self) -> Result<(), Self::Error>;
}

struct StructSink<'a, S> {
    to: &'a mut S,
    omits: bool,
}

impl<S: SerializeStruct> Sink for StructSink<'_, S> {
    type Error = S::Error;

    #[inline]
    fn field<T: Field>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        self.to.serialize_field(key, &Written(value))
    }

    #[inline]
    fn omit<T: Field>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        if self.omits {
            self.to.skip_field(key)
        } else {
            self.field(key, value)
        }
    }
}

/// Counts the fields that will be written.
struct Count(usize);

impl Sink for Count {
    type Error = Infallible;

    fn field<T: Field>(&mut self, _: &'static str, _: &T) -> Result<(), Infallible> {
        self.0 += 1;
        Ok(())
    }

    fn omit<T: Field>(&mut self, _: &'static str, _: &T) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Writes a record in any serde format. Formats that go by position get all fields.
#[inline]
pub fn write_record<T: Record, S: Serializer>(record: &T, to: S) -> Result<S::Ok, S::Error> {
    let omits = T::OMITS && to.is_human_readable();
    let mut count = Count(if omits { 0 } else { T::KEYS.len() });
    if omits {
        let Ok(()) = record.write_fields(&mut count);
    }
    let mut object = to.serialize_struct(T::NAME, count.0)?;
    record.write_fields(&mut StructSink {
        to: &mut object,
        omits,
    })?;
    object.end()
}

/// Reads a record over the present one, so that what is absent stays as it was.
#[inline]
pub fn read_record<'de, T, D>(record: &mut T, from: D) -> Result<(), D::Error>
where
    T: Record,
    D: Deserializer<'de>,
{
    if from.is_human_readable() {
        from.deserialize_any(RecordVisitor {
            record,
            by_position: false,
        })
    } else {
        from.deserialize_struct(
            T::NAME,
            T::KEYS,
            RecordVisitor {
                record,
                by_position: true,
            },
        )
    }
}

struct RecordVisitor<'a, T> {
    record: &'a mut T,
    by_position: bool,
}

impl<'de, T: Record> Visitor<'de> for RecordVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of type {}", T::NAME)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        let mut from = MapSource(object);
        while let Some(index) = from.0.next_key_seed(KeySeed::<T>(PhantomData))? {
            match index {
                Some(index) => self.record.read_field(index, &mut from)?,
                None => from.skip()?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        if !self.by_position {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut from = SeqSource {
            list,
            at_end: false,
        };
        for index in 0..T::KEYS.len() {
            self.record.read_field(index, &mut from)?;
            if from.at_end {
                return Ok(());
            }
        }
        // A newer peer may know more fields.
        while from.list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    super::scalar::null_is_nothing!();
}

/// Reads a field's name: exactly, else in any case of ASCII letters, as Go does.
struct KeySeed<T>(PhantomData<T>);

impl<'de, T: Record> DeserializeSeed<'de> for KeySeed<T> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<T: Record> Visitor<'_> for KeySeed<T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        self.visit_bytes(key.as_bytes())
    }

    #[inline]
    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(T::find(key).or_else(|| find_in_any_case(T::KEYS, key)))
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<Self::Value, E> {
        Ok(usize::try_from(index).ok())
    }
}

#[cold]
pub(super) fn find_in_any_case(keys: &[&str], key: &[u8]) -> Option<usize> {
    keys.iter()
        .position(|known| known.as_bytes().eq_ignore_ascii_case(key))
}

pub(super) struct MapSource<A>(pub(super) A);

impl<'de, A: MapAccess<'de>> Source<'de> for MapSource<A> {
    type Error = A::Error;

    #[inline]
    fn read<T: Field>(&mut self, into: &mut T) -> Result<(), A::Error> {
        self.0.next_value_seed(Slot(into))
    }

    fn skip(&mut self) -> Result<(), A::Error> {
        self.0.next_value::<IgnoredAny>()?;
        Ok(())
    }
}

struct SeqSource<A> {
    list: A,
    at_end: bool,
}

impl<'de, A: SeqAccess<'de>> Source<'de> for SeqSource<A> {
    type Error = A::Error;

    fn read<T: Field>(&mut self, into: &mut T) -> Result<(), A::Error> {
        self.at_end = self.list.next_element_seed(Slot(into))?.is_none();
        Ok(())
    }

    fn skip(&mut self) -> Result<(), A::Error> {
        self.at_end = self.list.next_element::<IgnoredAny>()?.is_none();
        Ok(())
    }
}

/// Reads a whole body.
#[inline]
pub fn decode_protobuf<T: Record>(body: &[u8]) -> Result<T, CodecError> {
    let mut record = T::default();
    merge_fields(&mut record, body, MAX_DEPTH)?;
    Ok(record)
}

/// Merges a nested record; false when the wire type is another.
#[inline]
pub fn merge_record<T: Record>(
    record: &mut T,
    value: Wire<'_>,
    depth: u32,
) -> Result<bool, WireError> {
    let Wire::Length(body) = value else {
        return Ok(false);
    };
    let depth = depth.checked_sub(1).ok_or(WireError::TooDeep)?;
    merge_fields(record, body, depth)?;
    Ok(true)
}

#[inline]
fn merge_fields<T: Record>(record: &mut T, mut body: &[u8], depth: u32) -> Result<(), WireError> {
    while let Some((number, value)) = wire::next_field(&mut body)? {
        record.merge_field(number, value, depth)?;
    }
    Ok(())
}

/// Appends a nested record behind its length.
#[inline]
pub fn put_record<T: Record>(record: &T, out: &mut Vec<u8>) {
    wire::put_delimited(out, |out| record.put_fields(out));
}
