//! What stands between brackets: elements, members, keys, variants.

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::number::Wanted;
use super::{Declined, Outcome, Reader, Text};

/// The elements of an array whose bracket is open.
pub(super) struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    started: bool,
}

impl<'r, 'de> Elements<'r, 'de> {
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Self {
        Self {
            reader,
            started: false,
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Declined;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        if self.reader.skip_space() == Some(b']') {
            return Ok(None);
        }
        if self.started {
            self.reader.take(b',')?;
        }
        self.started = true;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

/// The members of an object whose bracket is open.
pub(super) struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    started: bool,
}

impl<'r, 'de> Members<'r, 'de> {
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Self {
        Self {
            reader,
            started: false,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Declined;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Outcome<Option<K::Value>> {
        if self.reader.skip_space() == Some(b'}') {
            return Ok(None);
        }
        if self.started {
            self.reader.take(b',')?;
        }
        self.started = true;
        let key = self.reader.text()?;
        seed.deserialize(Key(key)).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<T::Value> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A member's key, which may stand for a number or a truth value.
struct Key<'de>(Text<'de>);

impl<'de> Key<'de> {
    fn number<V: Visitor<'de>>(self, wanted: Wanted, visitor: V) -> Outcome<V::Value> {
        let Text::Plain(input) = self.0 else {
            return Err(Declined);
        };
        let mut reader = Reader {
            input,
            at: 0,
            depth: 0,
        };
        let number = reader.number(wanted)?;
        if reader.at < input.len() {
            return Err(Declined);
        }
        number.visit(visitor)
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            self.number(Wanted::F64, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Declined;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.0.visit(visitor)
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.number(Wanted::F32, visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.0 {
            Text::Plain(b"true") => visitor.visit_bool(true),
            Text::Plain(b"false") => visitor.visit_bool(false),
            _ => Err(Declined),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Outcome<V::Value> {
        if super::is_private(name) {
            return Err(Declined);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        let name_of_variant = self.0.to_str();
        let of: de::value::CowStrDeserializer<'_, Declined> = name_of_variant.into_deserializer();
        of.deserialize_enum(name, variants, visitor)
    }

    /// Whoever looks for a field's name takes bytes as well, and those need no check.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.0 {
            Text::Plain(raw) if raw.is_ascii() => visitor.visit_borrowed_bytes(raw),
            text => text.visit(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Outcome<V::Value> {
        Err(Declined)
    }

    serde::forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct ignored_any
    }
}

/// An enum: the name of its variant, or an object with that name and the variant's value.
pub(super) enum Variant<'r, 'de> {
    Name(&'r mut Reader<'de>),
    /// Inside the object's bracket.
    WithValue(&'r mut Reader<'de>),
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Declined;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Outcome<(T::Value, Self)> {
        match self {
            Self::Name(reader) => {
                let variant = seed.deserialize(&mut *reader)?;
                Ok((variant, Self::Name(reader)))
            }
            Self::WithValue(reader) => {
                let variant = seed.deserialize(&mut *reader)?;
                reader.take(b':')?;
                Ok((variant, Self::WithValue(reader)))
            }
        }
    }
}

impl<'r, 'de> Variant<'r, 'de> {
    fn value(self) -> Outcome<&'r mut Reader<'de>> {
        match self {
            Self::Name(_) => Err(Declined),
            Self::WithValue(reader) => Ok(reader),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Declined;

    fn unit_variant(self) -> Outcome<()> {
        match self {
            Self::Name(_) => Ok(()),
            Self::WithValue(reader) => de::Deserialize::deserialize(reader),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Outcome<T::Value> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Outcome<V::Value> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        self.value()?.deserialize_struct("", fields, visitor)
    }
}
