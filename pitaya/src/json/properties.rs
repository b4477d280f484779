//! Properties of reading and writing that hold for any text and any value.

use proptest::{collection::vec, prelude::*};
use serde::Deserialize;

use super::{read, write};

/// Texts that are often almost JSON, some of them not UTF-8.
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\", " ", "\n", "null", "true", "1", "-0.5e3", "1e400",
            "\"sys\"", "\"user\"", "\"platform\":", "\"a\":", "\"libVersion\":\"x\"", "\"text\":\"y\"",
            "\"n\":1", "\\ud83d", "\\ude00", "\\u0041", "\"z\"", "é", "{}", "[]", "{\"b\":1,\"a\":[2,{}]}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A JSON value whose objects have sorted keys, as Go writes them.
fn json_value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Whole numbers come back as integers, as they go out without a point.
        any::<f64>()
            .prop_filter("stays a float", |x| x.is_finite()
                && (x.fract() != 0.0 || x.abs() > 2e19))
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[<>&\u{2028}\u{2029}a-c\"\\\\\u{0}-\u{1f}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[derive(Debug, Deserialize)]
struct Say {
    #[expect(dead_code, reason = "only decoding it is tested")]
    text: String,
    #[expect(dead_code, reason = "only decoding it is tested")]
    n: Option<i32>,
}

proptest! {
    #[test]
    fn reading_is_total(input in json_like()) {
        let _ = read::<Say>(&input);
        // Whatever is refused, the words for it are never serde's "EOF".
        if let Err(error) = read::<serde_json::Value>(&input) {
            prop_assert!(!error.to_string().contains("EOF"), "{}", error);
        }
    }

    #[test]
    fn json_round_trips(value in json_value()) {
        let mut text = Vec::new();
        write(&value, &mut text).unwrap();
        for escaped in ["<", ">", "&", "\u{2028}", "\u{2029}"] {
            prop_assert!(!String::from_utf8(text.clone()).unwrap().contains(escaped));
        }
        prop_assert_eq!(read::<serde_json::Value>(&text), Ok(value));
    }

    #[test]
    fn floats_round_trip(wide in any::<f64>(), narrow in any::<f32>()) {
        for (finite, written) in [
            (wide.is_finite(), { let mut out = Vec::new(); write(&wide, &mut out).map(|()| out) }),
            (narrow.is_finite(), { let mut out = Vec::new(); write(&narrow, &mut out).map(|()| out) }),
        ] {
            prop_assert_eq!(finite, written.is_ok());
        }
        let mut out = Vec::new();
        if write(&wide, &mut out).is_ok() {
            prop_assert_eq!(read::<f64>(&out).unwrap().to_bits(), wide.to_bits());
        }
        out.clear();
        if write(&narrow, &mut out).is_ok() {
            prop_assert_eq!(read::<f32>(&out).unwrap().to_bits(), narrow.to_bits());
        }
    }
}
