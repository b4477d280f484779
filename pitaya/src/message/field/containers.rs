//! What may or may not be there, lists, and boxes.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};

use super::super::wire::{self, Wire, WireError, WireType};
use super::scalar::read_scalar;
use super::{Field, FieldType, Slot, Written};

/// How many bytes a length that a peer merely claims may reserve before elements have arrived.
const MAX_UNSEEN: usize = 4096;

struct OptionVisitor<'a, T>(&'a mut Option<T>);

impl<'de, T: Field> Visitor<'de> for OptionVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        *self.0 = None;
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.get_or_insert_default().read(from)
    }
}

impl<T: Field> Field for Option<T> {
    const TYPE: FieldType = FieldType::Optional(&T::TYPE);
    const PROTOBUF: bool = T::WIRE.is_some();

    #[inline]
    fn is_zero(&self) -> bool {
        self.is_none()
    }

    #[inline]
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => to.serialize_some(&Written(value)),
            None => to.serialize_none(),
        }
    }

    #[inline]
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_option(OptionVisitor(self))
    }

    #[inline]
    fn put_field(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.put_present(number, out);
        }
    }

    #[inline]
    fn merge_field(&mut self, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
        if let Some(present) = self {
            return present.merge_field(value, depth);
        }
        let mut fresh = T::default();
        if fresh.merge_value(value, depth)? {
            *self = Some(fresh);
        }
        Ok(())
    }
}

struct VecVisitor<'a, T>(&'a mut Vec<T>);

impl<'de, T: Field> Visitor<'de> for VecVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let most = MAX_UNSEEN / size_of::<T>().max(1);
        self.0.clear();
        self.0
            .reserve(list.size_hint().unwrap_or_default().min(most));
        loop {
            let mut element = T::default();
            if list.next_element_seed(Slot(&mut element))?.is_none() {
                return Ok(());
            }
            self.0.push(element);
        }
    }

    // A nil slice, in Go.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.clear();
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.visit_unit()
    }
}

impl<T: Field> Field for Vec<T> {
    const TYPE: FieldType = FieldType::Repeated(&T::TYPE);
    const PROTOBUF: bool = T::WIRE.is_some();

    #[inline]
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.len()))?;
        for element in self {
            list.serialize_element(&Written(element))?;
        }
        list.end()
    }

    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        read_scalar!(from, deserialize_seq, VecVisitor(self))
    }

    fn put_field(&self, number: u32, out: &mut Vec<u8>) {
        match T::WIRE {
            _ if self.is_empty() => {}
            None => {}
            Some(WireType::Length) => {
                for element in self {
                    wire::put_key(number, WireType::Length, out);
                    element.put_value(out);
                }
            }
            // Numbers are packed.
            Some(_) => {
                wire::put_key(number, WireType::Length, out);
                wire::put_delimited(out, |out| {
                    self.iter().for_each(|element| element.put_value(out));
                });
            }
        }
    }

    // Lists of numbers are read packed and not.
    fn merge_field(&mut self, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
        match (T::WIRE, value) {
            (Some(packed), Wire::Length(mut list)) if packed != WireType::Length => {
                while !list.is_empty() {
                    let value = wire::read_packed(&mut list, packed)?;
                    push(self, value, depth)?;
                }
                Ok(())
            }
            _ => push(self, value, depth),
        }
    }
}

#[inline]
fn push<T: Field>(list: &mut Vec<T>, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
    let mut element = T::default();
    if element.merge_value(value, depth)? {
        list.push(element);
    }
    Ok(())
}

/// Boxes are not there on any wire: they let a type hold itself.
impl<T: Field> Field for Box<T> {
    const TYPE: FieldType = T::TYPE;
    const WIRE: Option<WireType> = T::WIRE;
    const PROTOBUF: bool = T::PROTOBUF;

    #[inline]
    fn is_zero(&self) -> bool {
        T::is_zero(self)
    }

    #[inline]
    fn is_implied(&self) -> bool {
        T::is_implied(self)
    }

    #[inline]
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        T::write(self, to)
    }

    #[inline]
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        T::read(self, from)
    }

    #[inline]
    fn put_value(&self, out: &mut Vec<u8>) {
        T::put_value(self, out);
    }

    #[inline]
    fn merge_value(&mut self, value: Wire<'_>, depth: u32) -> Result<bool, WireError> {
        T::merge_value(self, value, depth)
    }

    #[inline]
    fn put_field(&self, number: u32, out: &mut Vec<u8>) {
        T::put_field(self, number, out);
    }

    #[inline]
    fn merge_field(&mut self, value: Wire<'_>, depth: u32) -> Result<(), WireError> {
        T::merge_field(self, value, depth)
    }
}
