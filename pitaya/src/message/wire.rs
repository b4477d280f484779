//! The protobuf wire format: keys, varints, lengths. Slices in, a growing buffer out.
//!
//! Total on any input, and it allocates nothing: what a message owns is allocated by its fields.

use super::CodecError;

/// How deep messages may lie inside each other.
pub(crate) const MAX_DEPTH: u32 = 100;

/// Why protobuf bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireError {
    /// Truncated, or not the protobuf wire format at all.
    Malformed,
    /// A string field with bytes that are no text.
    NotText,
    /// Messages lie deeper inside each other than 100 levels.
    TooDeep,
    /// An enumeration has no value of this number.
    UnknownValue(&'static str, i32),
}

impl From<WireError> for CodecError {
    #[cold]
    fn from(error: WireError) -> Self {
        match error {
            WireError::Malformed => Self::new("proto: cannot parse invalid wire-format data"),
            WireError::NotText => Self::new("string field contains invalid UTF-8"),
            WireError::TooDeep => Self::new("proto: exceeded maximum recursion depth"),
            WireError::UnknownValue(name, number) => Self::new(unknown_value(name, number)),
        }
    }
}

/// The text for a number that an enumeration lacks, the same in every format.
pub(crate) fn unknown_value(name: &str, number: i32) -> String {
    format!("unknown value {number} of enum {name}")
}

/// How a value stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// Base-128, at most ten bytes.
    Varint = 0,
    /// Eight bytes.
    Fixed64 = 1,
    /// A length and as many bytes.
    Length = 2,
    /// Four bytes.
    Fixed32 = 5,
}

/// One value as it was read, not yet interpreted: which type it has is for the field to say.
#[derive(Debug, Clone, Copy)]
pub enum Wire<'a> {
    /// Base-128, at most ten bytes.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// A length and as many bytes.
    Length(&'a [u8]),
    /// Four bytes.
    Fixed32(u32),
}

const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// Reads the next field; none at the end of the input. Groups, which proto3 lacks, are skipped.
#[inline]
pub(crate) fn next_field<'a>(input: &mut &'a [u8]) -> Result<Option<(u32, Wire<'a>)>, WireError> {
    while !input.is_empty() {
        let (number, wire_type) = read_key(input)?;
        if wire_type == START_GROUP {
            skip_group(input, number, MAX_DEPTH)?;
            continue;
        }
        return Ok(Some((number, read_wire(input, wire_type)?)));
    }
    Ok(None)
}

#[inline]
fn read_key(input: &mut &[u8]) -> Result<(u32, u64), WireError> {
    let key = read_varint(input)?;
    match key >> 3 {
        number @ 1..=MAX_FIELD_NUMBER => Ok((number as u32, key & 7)),
        _ => Err(WireError::Malformed),
    }
}

#[inline]
fn read_wire<'a>(input: &mut &'a [u8], wire_type: u64) -> Result<Wire<'a>, WireError> {
    match wire_type {
        0 => read_varint(input).map(Wire::Varint),
        1 => read_array(input).map(|bytes| Wire::Fixed64(u64::from_le_bytes(bytes))),
        2 => read_length(input).map(Wire::Length),
        5 => read_array(input).map(|bytes| Wire::Fixed32(u32::from_le_bytes(bytes))),
        _ => Err(WireError::Malformed),
    }
}

/// Reads a value of a known wire type, as packed lists hold them.
#[inline]
pub(crate) fn read_packed<'a>(
    input: &mut &'a [u8],
    wire_type: WireType,
) -> Result<Wire<'a>, WireError> {
    read_wire(input, wire_type as u64)
}

#[inline]
fn read_varint(input: &mut &[u8]) -> Result<u64, WireError> {
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Ok(u64::from(byte))
        }
        _ => read_long_varint(input),
    }
}

fn read_long_varint(input: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0;
    for (n, &byte) in input.iter().take(10).enumerate() {
        if n == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte < 0x80 {
            *input = input.get(n + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(WireError::Malformed)
}

#[inline]
fn read_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (bytes, rest) = input.split_first_chunk().ok_or(WireError::Malformed)?;
    *input = rest;
    Ok(*bytes)
}

#[inline]
fn read_length<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], WireError> {
    let length = read_varint(input)?;
    let length = usize::try_from(length).map_err(|_| WireError::Malformed)?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(WireError::Malformed)?;
    *input = rest;
    Ok(bytes)
}

#[cold]
fn skip_group(input: &mut &[u8], group: u32, depth: u32) -> Result<(), WireError> {
    let depth = depth.checked_sub(1).ok_or(WireError::Malformed)?;
    loop {
        match read_key(input)? {
            (number, END_GROUP) if number == group => return Ok(()),
            (number, START_GROUP) => skip_group(input, number, depth)?,
            (_, wire_type) => _ = read_wire(input, wire_type)?,
        }
    }
}

/// Appends a field's key.
#[inline]
pub(crate) fn put_key(number: u32, wire_type: WireType, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | wire_type as u64, out);
}

/// Appends a varint.
#[inline]
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends bytes behind their length.
#[inline]
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends what `body` appends, behind its length.
///
/// The length is written afterwards, so that nothing is measured before it is encoded: one byte is
/// kept free for it, and a body of 128 bytes or more is moved up.
#[inline]
pub(crate) fn put_delimited(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    body(out);
    let length = out.len() - at - 1;
    match out.get_mut(at) {
        Some(first) if length < 0x80 => *first = length as u8,
        _ => put_long_length(out, at, length),
    }
}

#[cold]
fn put_long_length(out: &mut Vec<u8>, at: usize, length: usize) {
    let significant = (usize::BITS - length.leading_zeros()).div_ceil(7);
    let bytes = (0..significant).map(|n| {
        let more = if n + 1 < significant { 0x80 } else { 0 };
        (length >> (7 * n)) as u8 & 0x7f | more
    });
    out.splice(at..=at, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size_are_patched_in() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = b"before".to_vec();
            put_delimited(&mut out, |out| out.resize(out.len() + length, b'x'));

            let mut expected = b"before".to_vec();
            put_bytes(&vec![b'x'; length], &mut expected);
            assert!(out == expected, "length {length}");
        }
    }

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            let mut input = out.as_slice();
            assert_eq!(read_varint(&mut input), Ok(value));
            assert!(input.is_empty());
            let (_, truncated) = out.split_last().unwrap();
            let mut cut: &[u8] = &truncated.iter().map(|byte| byte | 0x80).collect::<Vec<_>>();
            assert_eq!(read_varint(&mut cut), Err(WireError::Malformed), "{value}");
        }
        let mut too_long: &[u8] = &[0xff; 11];
        assert_eq!(read_varint(&mut too_long), Err(WireError::Malformed));
        let mut too_large: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read_varint(&mut too_large), Err(WireError::Malformed));
    }
}
