//! The protobuf form: byte for byte what prost writes, and Go's answers to what nobody should send.

use std::collections::BTreeMap;
use std::mem::take;

use pitaya::__private::bytes::Bytes;
use pitaya::__private::prost::Message as Prost;
use pitaya::{Message, message};
use proptest::prelude::*;

use super::kinds::{Color, Figure, Kinds, Nothing, Point, kinds};
use super::twins;

pub fn encode<T: Message>(value: &T) -> Vec<u8> {
    let mut out = b"before".to_vec();
    value.encode_protobuf(&mut out).unwrap();
    out.split_off(6)
}

proptest! {
    #[test]
    fn prost_reads_what_we_write_and_we_read_what_it_writes(ours in kinds()) {
        let theirs = twins::Kinds::from(ours.clone());
        prop_assert_eq!(&twins::Kinds::decode(encode(&ours).as_slice()).unwrap(), &theirs);
        prop_assert_eq!(&Kinds::decode_protobuf(&theirs.encode_to_vec()).unwrap(), &ours);
        prop_assert_eq!(Kinds::decode_protobuf(&encode(&ours)).unwrap(), ours);
    }

    // Maps aside: prost leaves zero keys and values out of the entries, Go does not.
    #[test]
    fn the_bytes_are_those_of_prost(mut ours in kinds()) {
        ours.scores.clear();
        ours.places.clear();
        ours.tints.clear();
        ours.names_by.clear();
        prop_assert_eq!(encode(&ours), twins::Kinds::from(ours.clone()).encode_to_vec());
    }

    #[test]
    fn prost_carries_our_types(ours in kinds()) {
        let encoded = ours.encode_to_vec();
        prop_assert_eq!(encoded.len(), ours.encoded_len());
        prop_assert_eq!(&Kinds::decode(Bytes::from(encoded)).unwrap(), &ours);
        let delimited = ours.encode_length_delimited_to_vec();
        prop_assert_eq!(Kinds::decode_length_delimited(delimited.as_slice()).unwrap(), ours);
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(
        ours in kinds(),
        noise in any::<Vec<u8>>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        _ = Kinds::decode_protobuf(&noise);
        _ = Kinds::decode(noise.as_slice());
        let mut damaged = encode(&ours);
        if !damaged.is_empty() {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        // Where prost finds a value we find the same one, numbers of enumerations aside.
        if let Ok(mut theirs) = twins::Kinds::decode(damaged.as_slice()) {
            match Kinds::decode_protobuf(&damaged).map(twins::Kinds::from) {
                Ok(mut read) => {
                    prop_assert_eq!(take(&mut read.scores), take(&mut theirs.scores));
                    // As bytes, because damage can make a NaN.
                    prop_assert_eq!(read.encode_to_vec(), theirs.encode_to_vec());
                }
                Err(error) => {
                    let text = error.to_string();
                    prop_assert!(text.ends_with(" of enum Color"), "{}", text);
                }
            }
        }
    }
}

#[message]
struct Flat {
    #[field(1)]
    text: String,
    #[field(2)]
    number: i32,
    #[field(3)]
    list: Vec<i32>,
    #[field(4)]
    fixed: f32,
    #[field(5)]
    point: Option<Point>,
    #[field(6)]
    color: Color,
    #[field(7)]
    wide: Vec<f64>,
}

fn check(bytes: &[u8], expected: Result<Flat, &str>) {
    let read = Flat::decode_protobuf(bytes).map_err(|error| error.to_string());
    assert_eq!(read, expected.map_err(str::to_owned), "{bytes:02x?}");
}

const MALFORMED: Result<Flat, &str> = Err("proto: cannot parse invalid wire-format data");

#[test]
fn refused_bytes_have_the_texts_of_go() {
    check(b"\x08\x80", MALFORMED);
    check(b"\x0a\x05a", MALFORMED);
    check(b"\x02\x00", MALFORMED);
    check(b"\x00", MALFORMED);
    check(b"\x25\x00\x00\x00", MALFORMED);
    check(b"\x39\x00\x00\x00\x00\x00\x00\x00", MALFORMED);
    check(b"\x0e", MALFORMED);
    check(b"\x0f", MALFORMED);
    check(b"\x0c", MALFORMED);
    check(b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", MALFORMED);
    check(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", MALFORMED);
    check(b"\x80\x80\x80\x80\x10\x00", MALFORMED);
    check(b"\x0a\x01\xff", Err("string field contains invalid UTF-8"));
    check(b"\x30\x07", Err("unknown value 7 of enum Color"));
}

#[test]
fn an_empty_body_is_the_default() {
    check(b"", Ok(Flat::default()));
}

#[test]
fn the_last_value_wins_and_messages_are_merged() {
    let point = Some(Point { x: 1, y: 2 });
    check(
        b"\x0a\x01a\x10\x01\x0a\x01b",
        Ok(Flat {
            text: "b".into(),
            number: 1,
            ..Flat::default()
        }),
    );
    check(
        b"\x2a\x02\x08\x01\x2a\x02\x10\x02",
        Ok(Flat {
            point,
            ..Flat::default()
        }),
    );
}

#[test]
fn unknown_fields_are_skipped() {
    let known = || {
        Ok(Flat {
            number: 7,
            ..Flat::default()
        })
    };
    check(b"\xf8\x07\x01\x10\x07", known());
    check(b"\xf9\x07........\x10\x07", known());
    check(b"\xfa\x07\x03abc\x10\x07", known());
    check(b"\xfd\x07....\x10\x07", known());
    check(b"\xfb\x07\x08\x01\x13\x14\xfc\x07\x10\x07", known());
    check(b"\xfb\x07\x08\x01\x14\x10\x07", MALFORMED);
    check(b"\xfb\x07\x08\x01", MALFORMED);
    check(
        &[b"\x0b".repeat(100), b"\x0c".repeat(100)].concat(),
        Ok(Flat::default()),
    );
    check(
        &[b"\x0b".repeat(101), b"\x0c".repeat(101)].concat(),
        MALFORMED,
    );
    check(&b"\x0b".repeat(100_000), MALFORMED);
}

#[test]
fn a_field_of_another_wire_type_is_skipped() {
    check(b"\x08\x01", Ok(Flat::default()));
    check(b"\x12\x01a", Ok(Flat::default()));
    check(b"\x15....", Ok(Flat::default()));
    check(b"\x1d....", Ok(Flat::default()));
    check(b"\x20\x01", Ok(Flat::default()));
    check(b"\x28\x01", Ok(Flat::default()));
    check(b"\x32\x01\x01", Ok(Flat::default()));
    check(
        b"\x39........\x38\x01",
        Ok(Flat {
            wide: vec![f64::from_le_bytes(*b"........")],
            ..Flat::default()
        }),
    );
}

#[test]
fn lists_are_read_packed_and_not() {
    let list = || {
        Ok(Flat {
            list: vec![1, 300, -1],
            ..Flat::default()
        })
    };
    check(
        b"\x1a\x0d\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        list(),
    );
    check(
        b"\x18\x01\x18\xac\x02\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        list(),
    );
    check(
        b"\x18\x01\x1a\x02\xac\x02\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        list(),
    );
    check(b"\x1a\x01\x80", MALFORMED);
    check(b"\x3a\x07.......", MALFORMED);
}

#[test]
fn large_varints_are_cut_to_the_type() {
    check(b"\x10\x80\x80\x80\x80\x10", Ok(Flat::default()));
    check(
        b"\x10\xff\xff\xff\xff\x0f",
        Ok(Flat {
            number: -1,
            ..Flat::default()
        }),
    );
}

#[test]
fn minus_zero_is_a_value() {
    assert_eq!(
        encode(&Flat {
            fixed: -0.0,
            ..Flat::default()
        }),
        b"\x25\0\0\0\x80"
    );
    assert_eq!(
        encode(&Flat {
            fixed: 0.0,
            ..Flat::default()
        }),
        b""
    );
}

#[test]
fn map_entries_hold_key_and_value_always() {
    let kinds = Kinds {
        names_by: BTreeMap::from([(false, String::new())]),
        ..Kinds::default()
    };
    assert_eq!(encode(&kinds), b"\x62\0\xa2\x02\x04\x08\0\x12\0");
    let read = |bytes| Kinds::decode_protobuf(bytes).unwrap().names_by;
    assert_eq!(read(b"\xa2\x02\x00"), kinds.names_by);
    assert_eq!(
        read(b"\xa2\x02\x08\x12\x01a\x12\x01b\x18\x01"),
        BTreeMap::from([(false, "b".into())])
    );
    assert_eq!(
        read(b"\xa2\x02\x03\x12\x01a\xa2\x02\x02\x08\x01\xa2\x02\x02\x08\x00"),
        BTreeMap::from([(false, String::new()), (true, String::new())])
    );
}

#[test]
fn a_oneof_holds_the_last_variant() {
    let read = |bytes: &[u8]| Kinds::decode_protobuf(bytes).unwrap().figure;
    assert_eq!(
        read(b"\xa2\x06\x02\x08\x01\xb2\x06\x01a"),
        Some(Figure::Caption("a".into()))
    );
    let merged = Some(Figure::Dot(Point { x: 1, y: 2 }));
    assert_eq!(read(b"\xa2\x06\x02\x08\x01\xa2\x06\x02\x10\x02"), merged);
    let after_other = Some(Figure::Dot(Point { x: 0, y: 2 }));
    assert_eq!(
        read(b"\xa2\x06\x02\x08\x01\xb2\x06\x01a\xa2\x06\x02\x10\x02"),
        after_other
    );
    assert_eq!(read(b"\xa0\x06\x01"), None, "another wire type");
    assert_eq!(
        read(b"\xb8\x06\x00"),
        Some(Figure::Tint(Color::Red)),
        "zero is a value"
    );
    let gone = Kinds {
        figure: Some(Figure::Gone(Nothing)),
        ..Kinds::default()
    };
    assert_eq!(encode(&gone), b"\x62\0\xc2\x06\0");
}

#[message]
struct Node {
    next: Option<Box<Node>>,
    children: Vec<Node>,
}

#[test]
fn messages_lie_in_each_other_a_hundred_times_at_most() {
    let nested = |depth: usize| {
        (0..depth).fold(Vec::new(), |inner, _| {
            let mut outer = vec![0x0a];
            pitaya::__private::prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            outer.extend(inner);
            outer
        })
    };
    let node = Node::decode_protobuf(&nested(100)).unwrap();
    assert_eq!(encode(&node), nested(100));
    let error = Node::decode_protobuf(&nested(101)).unwrap_err();
    assert_eq!(error.to_string(), "proto: exceeded maximum recursion depth");
}

#[message]
struct Unsorted {
    #[field(3)]
    c: i32,
    #[field(number = 1)]
    a: i32,
    #[field(536_870_911)]
    last: i32,
    #[field(2)]
    b: i32,
}

#[test]
fn fields_are_written_in_order_of_numbers() {
    let value = Unsorted {
        c: 3,
        a: 1,
        last: 4,
        b: 2,
    };
    assert_eq!(
        encode(&value),
        b"\x08\x01\x10\x02\x18\x03\xf8\xff\xff\xff\x0f\x04"
    );
}
