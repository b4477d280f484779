//! Byte strings: base64 where people read, plain bytes elsewhere.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::display::Base64Display;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{Deserializer, Error, SeqAccess, Unexpected, Visitor};
use serde::ser::Serializer;

use super::super::wire::{self, Wire, WireError, WireType};
use super::scalar::{null_is_nothing, read_scalar};
use super::{Field, FieldType};

/// Go's standard encoding: padded, and lenient about the unused bits of the last character.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// How much memory a length that a peer merely claims may take before bytes have arrived.
const MAX_UNSEEN: usize = 4096;

trait ByteString: AsRef<[u8]> + From<Vec<u8>> {}

impl ByteString for Vec<u8> {}
impl ByteString for Bytes {}

struct BytesVisitor<'a, T> {
    into: &'a mut T,
    base64: bool,
}

impl<'de, T: ByteString> Visitor<'de> for BytesVisitor<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.base64 { "base64 text" } else { "bytes" })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if !self.base64 {
            return self.visit_bytes(text.as_bytes());
        }
        let decoded = BASE64.decode(text).or_else(|error| {
            // Go's decoder passes over line breaks.
            if !text.contains(['\r', '\n']) {
                return Err(error);
            }
            BASE64.decode(text.replace(['\r', '\n'], ""))
        });
        *self.into = decoded
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?
            .into();
        Ok(())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        *self.into = bytes.to_vec().into();
        Ok(())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<(), E> {
        *self.into = bytes.into();
        Ok(())
    }

    // Go reads a list of numbers into a byte slice too.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut bytes = Vec::with_capacity(list.size_hint().unwrap_or_default().min(MAX_UNSEEN));
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        *self.into = bytes.into();
        Ok(())
    }

    null_is_nothing!();
}

macro_rules! byte_string {
    ($type:ty, $copy:expr) => {
        impl Field for $type {
            const TYPE: FieldType = FieldType::Bytes;
            const WIRE: Option<WireType> = Some(WireType::Length);

            #[inline]
            fn is_zero(&self) -> bool {
                self.is_empty()
            }

            fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() {
                    to.collect_str(&Base64Display::new(self, &BASE64))
                } else {
                    to.serialize_bytes(self)
                }
            }

            fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
                let base64 = from.is_human_readable();
                read_scalar!(
                    from,
                    deserialize_byte_buf,
                    BytesVisitor { into: self, base64 }
                )
            }

            #[inline]
            fn put_value(&self, out: &mut Vec<u8>) {
                wire::put_bytes(self, out);
            }

            #[inline]
            fn merge_value(&mut self, value: Wire<'_>, _: u32) -> Result<bool, WireError> {
                let Wire::Length(bytes) = value else {
                    return Ok(false);
                };
                *self = $copy(bytes);
                Ok(true)
            }
        }
    };
}

byte_string!(Vec<u8>, <[u8]>::to_vec);
byte_string!(Bytes, Bytes::copy_from_slice);
