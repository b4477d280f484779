//! Maps: objects with sorted keys in JSON, lists of entries in protobuf.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, Unexpected, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::super::wire::{self, Wire, WireError, WireType};
use super::scalar::read_scalar;
use super::{Field, FieldType, Slot, Written};

/// A type that a map's key may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a map in a message",
    label = "not a key type",
    note = "keys are `String`, `bool`, `i32`, `i64`, `u32` or `u64`"
)]
pub trait MapKey:
    Field + Eq + Hash + Ord + Display + FromStr + Serialize + DeserializeOwned
{
}

impl MapKey for String {}
impl MapKey for bool {}
impl MapKey for i32 {}
impl MapKey for i64 {}
impl MapKey for u32 {}
impl MapKey for u64 {}

/// What the two kinds of maps have in common.
trait Entries<K, V> {
    fn count(&self) -> usize;
    fn entries<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a;
    fn clear(&mut self);
    fn put(&mut self, key: K, value: V);
}

impl<K: MapKey, V: Field, H: BuildHasher> Entries<K, V> for HashMap<K, V, H> {
    fn count(&self) -> usize {
        self.len()
    }
    fn entries<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a,
    {
        self.iter()
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn put(&mut self, key: K, value: V) {
        self.insert(key, value);
    }
}

impl<K: MapKey, V: Field> Entries<K, V> for BTreeMap<K, V> {
    fn count(&self) -> usize {
        self.len()
    }
    fn entries<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a,
    {
        self.iter()
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn put(&mut self, key: K, value: V) {
        self.insert(key, value);
    }
}

fn write_map<K, V, M, S>(map: &M, to: S) -> Result<S::Ok, S::Error>
where
    K: MapKey,
    V: Field,
    M: Entries<K, V>,
    S: Serializer,
{
    let as_text = to.is_human_readable();
    let mut object = to.serialize_map(Some(map.count()))?;
    if as_text {
        // Go sorts by the text of the key, numbers too.
        let mut entries: Vec<_> = map
            .entries()
            .map(|(key, value)| (key.to_string(), value))
            .collect();
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (key, value) in entries {
            object.serialize_entry(key.as_str(), &Written(value))?;
        }
    } else {
        for (key, value) in map.entries() {
            object.serialize_entry(key, &Written(value))?;
        }
    }
    object.end()
}

/// A key that stands there as text, or as itself.
struct KeySeed<K>(PhantomData<K>);

impl<'de, K: MapKey> DeserializeSeed<'de> for KeySeed<K> {
    type Value = K;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<K, D::Error> {
        if from.is_human_readable() {
            from.deserialize_any(self)
        } else {
            K::deserialize(from)
        }
    }
}

impl<K: MapKey> Visitor<'_> for KeySeed<K> {
    type Value = K;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of type {:?}", K::TYPE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<K, E> {
        text.parse()
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<K, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<K, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<K, E> {
        self.visit_str(&value.to_string())
    }
}

struct MapVisitor<'a, M, K, V>(&'a mut M, PhantomData<(K, V)>);

impl<'de, K: MapKey, V: Field, M: Entries<K, V>> Visitor<'de> for MapVisitor<'_, M, K, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(key) = object.next_key_seed(KeySeed(PhantomData))? {
            // A later duplicate replaces the whole value, in Go too.
            let mut value = V::default();
            object.next_value_seed(Slot(&mut value))?;
            self.0.put(key, value);
        }
        Ok(())
    }

    // A nil map, in Go.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.clear();
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }
}

/// Entries always hold both key and value, as Go and the C++ library write them.
fn put_map<K, V, M>(map: &M, number: u32, out: &mut Vec<u8>)
where
    K: MapKey,
    V: Field,
    M: Entries<K, V>,
{
    let (Some(key_type), Some(value_type)) = (K::WIRE, V::WIRE) else {
        return;
    };
    for (key, value) in map.entries() {
        wire::put_key(number, WireType::Length, out);
        wire::put_delimited(out, |out| {
            wire::put_key(1, key_type, out);
            key.put_value(out);
            wire::put_key(2, value_type, out);
            value.put_value(out);
        });
    }
}

fn merge_entry<K, V, M>(map: &mut M, value: Wire<'_>, depth: u32) -> Result<(), WireError>
where
    K: MapKey,
    V: Field,
    M: Entries<K, V>,
{
    let Wire::Length(mut entry) = value else {
        return Ok(());
    };
    let (mut key, mut value) = (K::default(), V::default());
    while let Some((number, wire)) = wire::next_field(&mut entry)? {
        match number {
            1 => key.merge_field(wire, depth)?,
            2 => value.merge_field(wire, depth)?,
            _ => {}
        }
    }
    map.put(key, value);
    Ok(())
}

macro_rules! map_field {
    ($type:ty, $($bounds:tt)+) => {
        impl<$($bounds)+> Field for $type {
            const TYPE: FieldType = FieldType::Map(&K::TYPE, &V::TYPE);
            const PROTOBUF: bool = V::WIRE.is_some();

            #[inline]
            fn is_zero(&self) -> bool {
                self.is_empty()
            }

            fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                write_map(self, to)
            }

            fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                read_scalar!(from, deserialize_map, MapVisitor(self, PhantomData))
            }

            fn put_field(&self, number: u32, out: &mut Vec<u8>) {
                put_map(self, number, out);
            }

            fn merge_field(&mut self, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
                merge_entry(self, value, depth)
            }
        }
    };
}

map_field!(HashMap<K, V, H>, K: MapKey, V: Field, H: BuildHasher + Default + Clone);
map_field!(BTreeMap<K, V>, K: MapKey, V: Field);
