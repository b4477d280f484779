//! Enumerations (a number) and oneofs (one of several values).

#![allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where it cannot fail at run time"
)]

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::ser::{SerializeMap, Serializer};

use super::super::wire::{Wire, WireError, unknown_value};
use super::record::{MapSource, find_in_any_case};
use super::{Field, Slot, Source, Written};

/// An enum without values: a number on every wire.
pub trait Enumeration: Sized {
    /// The type's name.
    const NAME: &'static str;
    /// The number of this value.
    fn number(&self) -> i32;
    /// The value with this number.
    fn from_number(number: i32) -> Option<Self>;
}

/// Writes the number in any serde format.
pub fn write_number<T: Enumeration, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i32(value.number())
}

/// Reads a number in any serde format.
pub fn read_number<'de, T, D>(value: &mut T, from: D) -> Result<(), D::Error>
where
    T: Enumeration,
    D: Deserializer<'de>,
{
    let mut number = value.number();
    number.read(from)?;
    *value =
        T::from_number(number).ok_or_else(|| D::Error::custom(unknown_value(T::NAME, number)))?;
    Ok(())
}

/// Appends the number.
pub fn put_number<T: Enumeration>(value: &T, out: &mut Vec<u8>) {
    value.number().put_value(out);
}

/// Reads a number from the wire.
pub fn merge_number<T: Enumeration>(value: &mut T, from: Wire<'_>) -> Result<bool, WireError> {
    let mut number = 0;
    if !number.merge_value(from, 0)? {
        return Ok(false);
    }
    *value = T::from_number(number).ok_or(WireError::UnknownValue(T::NAME, number))?;
    Ok(true)
}

/// An enum whose variants hold one value each: a oneof of protobuf, `{"Variant": value}` in JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a oneof",
    label = "not a oneof",
    note = "a oneof is an enum annotated with `#[pitaya::message]` whose variants hold one value each"
)]
pub trait Oneof: Sized {
    /// The type's name.
    const NAME: &'static str;
    /// The names of the variants on the wire.
    const KEYS: &'static [&'static str];
    /// The field numbers of the variants; empty in JSON-only types.
    const NUMBERS: &'static [u32];

    /// The index of the variant with exactly this name.
    fn find(key: &[u8]) -> Option<usize>;
    /// Reads the variant with this index; none if there is none.
    fn read_variant<'de, S: Source<'de>>(
        index: usize,
        from: &mut S,
    ) -> Result<Option<Self>, S::Error>;
    /// Appends the variant as a field.
    fn put_variant(&self, out: &mut Vec<u8>) {
        _ = out;
    }
    /// Merges one occurrence of the variant with this number; false if there is none.
    fn merge_variant(
        slot: &mut Option<Self>,
        number: u32,
        value: Wire<'_>,
        depth: u32,
    ) -> Result<bool, WireError> {
        _ = (slot, number, value, depth);
        Ok(false)
    }
}

/// The type of a field that is a oneof.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a oneof field",
    label = "not an `Option` of a oneof",
    note = "a `#[field(oneof)]` has the type `Option<T>`, where `T` is an enum annotated with `#[pitaya::message]` whose variants hold one value each"
)]
pub trait OneofField: Field {
    /// The field numbers of the variants.
    const NUMBERS: &'static [u32];
    /// Appends the variant that is there.
    fn put_oneof(&self, out: &mut Vec<u8>);
    /// Merges one occurrence of a field; false if it is none of the variants.
    fn merge_oneof(&mut self, number: u32, value: Wire<'_>, depth: u32) -> Result<bool, WireError>;
}

impl<T: Oneof + Field> OneofField for Option<T> {
    const NUMBERS: &'static [u32] = T::NUMBERS;

    #[inline]
    fn put_oneof(&self, out: &mut Vec<u8>) {
        if let Some(variant) = self {
            variant.put_variant(out);
        }
    }

    #[inline]
    fn merge_oneof(&mut self, number: u32, value: Wire<'_>, depth: u32) -> Result<bool, WireError> {
        T::merge_variant(self, number, value, depth)
    }
}

/// Whether no number is in two of the lists.
pub const fn disjoint(lists: &[&[u32]]) -> bool {
    let mut list = 0;
    while list < lists.len() {
        let mut other = list + 1;
        while other < lists.len() {
            if overlap(lists[list], lists[other]) {
                return false;
            }
            other += 1;
        }
        list += 1;
    }
    true
}

const fn overlap(a: &[u32], b: &[u32]) -> bool {
    let mut i = 0;
    while i < a.len() {
        let mut j = 0;
        while j < b.len() {
            if a[i] == b[j] {
                return true;
            }
            j += 1;
        }
        i += 1;
    }
    false
}

/// Writes the variant that is there in any serde format.
pub(super) fn write_member<T: Field, S: Serializer>(
    value: &T,
    (name, index, key): (&'static str, u32, &'static str),
    to: S,
) -> Result<S::Ok, S::Error> {
    if !to.is_human_readable() {
        return to.serialize_newtype_variant(name, index, key, &Written(value));
    }
    let mut object = to.serialize_map(Some(1))?;
    object.serialize_entry(key, &Written(value))?;
    object.end()
}

/// Reads a variant in any serde format.
pub fn read_oneof<'de, T, D>(into: &mut T, from: D) -> Result<(), D::Error>
where
    T: Oneof,
    D: Deserializer<'de>,
{
    if from.is_human_readable() {
        from.deserialize_any(OneofVisitor(into))
    } else {
        from.deserialize_enum(T::NAME, T::KEYS, OneofVisitor(into))
    }
}

struct OneofVisitor<'a, T>(&'a mut T);

impl<'de, T: Oneof> OneofVisitor<'_, T> {
    fn read<S: Source<'de>>(self, index: Option<usize>, from: &mut S) -> Result<(), S::Error> {
        let variant = match index {
            Some(index) => T::read_variant(index, from)?,
            None => None,
        };
        *self.0 = variant.ok_or_else(|| {
            S::Error::custom(format_args!(
                "unknown variant of {}, known are {:?}",
                T::NAME,
                T::KEYS
            ))
        })?;
        Ok(())
    }
}

impl<'de, T: Oneof> Visitor<'de> for OneofVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with one variant of {}", T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        let mut from = MapSource(object);
        let Some(index) = from.0.next_key_seed(VariantSeed::<T>(PhantomData))? else {
            return Err(A::Error::invalid_value(Unexpected::Map, &self));
        };
        self.read(index, &mut from)?;
        match from.0.next_key::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom(format_args!(
                "two variants of {}",
                T::NAME
            ))),
            None => Ok(()),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        let (index, variant) = data.variant_seed(VariantSeed::<T>(PhantomData))?;
        self.read(index, &mut VariantSource(Some(variant)))
    }

    super::scalar::null_is_nothing!();
}

/// Reads a variant's name: exactly, else in any case of ASCII letters.
struct VariantSeed<T>(PhantomData<T>);

impl<'de, T: Oneof> DeserializeSeed<'de> for VariantSeed<T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<T: Oneof> Visitor<'_> for VariantSeed<T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a variant")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        self.visit_bytes(key.as_bytes())
    }

    fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(T::find(key).or_else(|| find_in_any_case(T::KEYS, key)))
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<Self::Value, E> {
        Ok(usize::try_from(index).ok())
    }
}

/// The value of a variant, which can be read once.
struct VariantSource<A>(Option<A>);

impl<'de, A: VariantAccess<'de>> Source<'de> for VariantSource<A> {
    type Error = A::Error;

    fn read<T: Field>(&mut self, into: &mut T) -> Result<(), A::Error> {
        match self.0.take() {
            Some(variant) => variant.newtype_variant_seed(Slot(into)),
            None => Err(A::Error::custom("a variant holds one value")),
        }
    }

    fn skip(&mut self) -> Result<(), A::Error> {
        match self.0.take() {
            Some(variant) => variant.newtype_variant::<IgnoredAny>().map(drop),
            None => Ok(()),
        }
    }
}
