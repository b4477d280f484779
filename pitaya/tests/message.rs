//! `#[message]` types through JSON and protobuf.
use pitaya::{Message, message};

#[message]
pub struct Join {
    room: String,
    seat: i32,
}

#[test]
fn first() {
    let mut out = vec![];
    let join = Join {
        room: "a".into(),
        seat: 3,
    };
    join.encode_json(&mut out).unwrap();
    assert_eq!(out, br#"{"room":"a","seat":3}"#);
    assert_eq!(Join::decode_json(&out), Ok(join.clone()));
    let mut out = vec![];
    join.encode_protobuf(&mut out).unwrap();
    assert_eq!(out, b"\x0a\x01a\x10\x03");
    assert_eq!(Join::decode_protobuf(&out), Ok(join));
}
