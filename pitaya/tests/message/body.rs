//! Bodies as the framework handles them: by serializer, behind a `dyn`, in foreign formats.

use std::any::Any;
use std::sync::Arc;

use pitaya::__private::{bytes::Bytes, erased_serde};
use pitaya::message::{
    AnyMessage, Codec, CodecError, Formats, Message, Serializer, WRONG_VALUE_TYPE,
};
use pitaya::{Body, Json, Proto};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::kinds::{Kinds, Point, kinds};
use super::{json, protobuf, twins};

/// MessagePack, which is not for people to read; records as arrays or as maps.
struct MessagePack {
    named: bool,
}

fn failed(error: impl ToString) -> CodecError {
    CodecError::new(error.to_string())
}

impl Codec for MessagePack {
    fn name(&self) -> &str {
        "msgpack"
    }

    fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        if let Some(raw) = message.raw() {
            out.extend_from_slice(raw);
            return Ok(());
        }
        let value = message.as_serialize()?;
        let encoded = if self.named {
            rmp_serde::to_vec_named(value)
        } else {
            rmp_serde::to_vec(value)
        };
        out.extend(encoded.map_err(failed)?);
        Ok(())
    }

    fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError> {
        if message.raw().is_some() {
            return message.set_raw(body);
        }
        let mut source = rmp_serde::Deserializer::from_read_ref(body);
        message.deserialize(&mut <dyn erased_serde::Deserializer<'_>>::erase(
            &mut source,
        ))
    }
}

fn message_pack(named: bool) -> Serializer {
    Serializer::Custom(Arc::new(MessagePack { named }))
}

fn there_and_back<T: Body>(serializer: &Serializer, value: &T) -> Result<(Vec<u8>, T), CodecError> {
    let mut out = Vec::new();
    value.encode(serializer, &mut out)?;
    let back = T::decode(serializer, &out)?;
    Ok((out, back))
}

proptest! {
    #[test]
    fn a_custom_codec_gets_any_serde_format(value in kinds()) {
        for named in [false, true] {
            let (_, back) = there_and_back(&message_pack(named), &value).unwrap();
            prop_assert_eq!(&back, &value);
        }
    }
}

#[test]
fn formats_that_go_by_position_get_every_field_and_plain_bytes() {
    #[pitaya::message(omit_empty)]
    struct Sparse {
        zero: i32,
        data: Vec<u8>,
        last: bool,
    }
    let value = Sparse {
        zero: 0,
        data: vec![1, 2],
        last: true,
    };
    let (encoded, back) = there_and_back(&message_pack(false), &value).unwrap();
    assert_eq!(encoded, b"\x93\x00\xc4\x02\x01\x02\xc3");
    assert_eq!(back, value);
    // An older peer knows fewer fields, a newer one more.
    let fewer = Sparse::decode(&message_pack(false), b"\x91\x07").unwrap();
    assert_eq!(
        fewer,
        Sparse {
            zero: 7,
            ..Sparse::default()
        }
    );
    let more = Sparse::decode(&message_pack(false), b"\x94\x07\xc4\x00\xc2\x05").unwrap();
    assert_eq!(
        more,
        Sparse {
            zero: 7,
            ..Sparse::default()
        }
    );
}

#[test]
fn the_serializer_chooses_the_form() {
    let point = Point { x: 1, y: 2 };
    let json = there_and_back(&Serializer::Json, &point).unwrap();
    assert_eq!(json, (br#"{"x":1,"y":2}"#.to_vec(), point.clone()));
    let protobuf = there_and_back(&Serializer::Protobuf, &point).unwrap();
    assert_eq!(protobuf, (b"\x08\x01\x10\x02".to_vec(), point));
    assert_eq!(Point::INFO.name, "Point");
    assert_eq!(Point::INFO.formats, Formats::ALL);
}

#[test]
fn raw_bytes_pass_every_serializer_as_they_are() {
    for serializer in [Serializer::Json, Serializer::Protobuf, message_pack(false)] {
        let bytes = b"\xff raw".to_vec();
        let (encoded, back) = there_and_back(&serializer, &bytes).unwrap();
        assert_eq!((&encoded, &back), (&bytes, &bytes));
        let shared = Bytes::from(bytes.clone());
        assert_eq!(
            there_and_back(&serializer, &shared).unwrap(),
            (bytes, shared)
        );
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Foreign {
    kind: String,
    nested: Option<(i32, bool)>,
}

#[test]
fn foreign_serde_types_travel_as_json() {
    let value = Json(Foreign {
        kind: "<a>".into(),
        nested: Some((1, true)),
    });
    let (encoded, back) = there_and_back(&Serializer::Json, &value).unwrap();
    assert_eq!(encoded, br#"{"kind":"\u003ca\u003e","nested":[1,true]}"#);
    assert_eq!(back, value);
    assert_eq!(
        there_and_back(&message_pack(true), &value).unwrap().1,
        value
    );
    assert_eq!(Json::<Foreign>::INFO.formats, Formats::JSON);

    assert_eq!(
        value.encode(&Serializer::Protobuf, &mut Vec::new()),
        Err(WRONG_VALUE_TYPE)
    );
    assert_eq!(
        Json::<Foreign>::decode(&Serializer::Protobuf, b""),
        Err(WRONG_VALUE_TYPE)
    );
    let error = Json::<Foreign>::decode(&Serializer::Json, b"{}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "json: missing field `kind` at line 1 column 2"
    );
}

#[test]
fn foreign_prost_types_travel_as_protobuf() {
    let value = Proto(twins::Point { x: 1, y: 2 });
    let (encoded, back) = there_and_back(&Serializer::Protobuf, &value).unwrap();
    assert_eq!(
        (encoded.as_slice(), &back),
        (&b"\x08\x01\x10\x02"[..], &value)
    );
    assert_eq!(Proto::<twins::Point>::INFO.formats, Formats::PROTOBUF);

    let text = "json: unsupported type: a foreign protobuf message";
    let error = value
        .encode(&Serializer::Json, &mut Vec::new())
        .unwrap_err();
    assert_eq!(error.to_string(), text);
    let error = Proto::<twins::Point>::decode(&Serializer::Json, b"{}").unwrap_err();
    assert_eq!(error.to_string(), text);
    assert!(there_and_back(&message_pack(false), &value).is_err());
}

#[test]
fn a_message_behind_a_dyn_can_be_read_and_replaced() {
    let mut point = Point { x: 1, y: 2 };
    let message: &mut dyn AnyMessage = &mut point;
    assert_eq!(message.descriptor().map(|ty| ty.name), Some("Point"));
    assert_eq!(message.raw(), None);
    assert!(message.set_raw(b"").is_err());
    assert!(message.downcast_ref::<Kinds>().is_none());
    message.downcast_mut::<Point>().unwrap().x = 5;
    let (mut json_form, mut protobuf_form) = (Vec::new(), Vec::new());
    message.encode_json(&mut json_form).unwrap();
    message.encode_protobuf(&mut protobuf_form).unwrap();
    message.decode_json(br#"{"y":9}"#).unwrap();
    assert_eq!(message.downcast_ref(), Some(&Point { x: 0, y: 9 }));
    message.decode_protobuf(&protobuf_form).unwrap();
    assert!(message.decode_json(b"[").is_err());
    assert_eq!(json_form, json::encode(&point).as_bytes());
    assert_eq!(protobuf_form, protobuf::encode(&point));

    let mut raw = vec![1];
    let message: &mut dyn AnyMessage = &mut raw;
    assert_eq!(message.raw(), Some(&[1][..]));
    assert!(message.as_serialize().is_err());
    message.decode_json(b"{").unwrap();
    message.set_raw(b"abc").unwrap();
    assert!(message.as_any().is::<Vec<u8>>());
    assert_eq!(raw, b"abc");
}

#[test]
fn every_message_is_a_message_of_serde() {
    let value = serde_json::json!({"x": 1, "Y": 2, "z": 3});
    let point: Point = serde_json::from_value(value).unwrap();
    assert_eq!(point, Point { x: 1, y: 2 });
    assert_eq!(
        serde_json::to_value(&point).unwrap(),
        serde_json::json!({"x": 1, "y": 2})
    );
    let erased: &dyn Any = &point;
    assert!(erased.is::<Point>());
    assert_eq!(<Point as Message>::DESCRIPTOR.full_name(), "protos.Point");
}
