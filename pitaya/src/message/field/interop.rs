//! Lets prost-based tools carry `#[message]` types.
//!
//! Not the path that the framework itself takes: prost writes into and reads from any buffer, ours
//! are a `Vec` and a slice, so there is a copy between.

use bytes::{Buf, BufMut};
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType as ProstType, decode_varint, skip_field};

use super::super::CodecError;
use super::super::wire::{MAX_DEPTH, Wire};
use super::Record;

/// `prost::Message::encode_raw`.
pub fn encode_raw<T: Record>(record: &T, buf: &mut impl BufMut) {
    let mut encoded = Vec::new();
    record.put_fields(&mut encoded);
    buf.put_slice(&encoded);
}

/// `prost::Message::encoded_len`.
pub fn encoded_len<T: Record>(record: &T) -> usize {
    let mut encoded = Vec::new();
    record.put_fields(&mut encoded);
    encoded.len()
}

/// `prost::Message::merge_field`.
pub fn merge_foreign<T: Record>(
    record: &mut T,
    number: u32,
    wire_type: ProstType,
    buf: &mut impl Buf,
    context: DecodeContext,
) -> Result<(), DecodeError> {
    let bytes;
    let value = match wire_type {
        ProstType::Varint => Wire::Varint(decode_varint(buf)?),
        ProstType::SixtyFourBit => Wire::Fixed64(buf.try_get_u64_le().map_err(refused)?),
        ProstType::ThirtyTwoBit => Wire::Fixed32(buf.try_get_u32_le().map_err(refused)?),
        ProstType::LengthDelimited => {
            let length = decode_varint(buf)?;
            let Some(length) = usize::try_from(length)
                .ok()
                .filter(|&n| n <= buf.remaining())
            else {
                return Err(refused("truncated field"));
            };
            bytes = buf.copy_to_bytes(length);
            Wire::Length(&bytes)
        }
        ProstType::StartGroup | ProstType::EndGroup => {
            return skip_field(wire_type, number, buf, context);
        }
    };
    record
        .merge_field(number, value, MAX_DEPTH)
        .map_err(|error| refused(CodecError::from(error)))
}

#[allow(
    deprecated,
    reason = "prost has no other way to say why a field was refused"
)]
fn refused(error: impl ToString) -> DecodeError {
    DecodeError::new(error.to_string())
}
