use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::read as quick;
use crate::json::read::read_the_long_way;

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Unit,
    New(f32),
    Pair(u8, char),
    Struct { a: Option<bool>, b: () },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Everything {
    shapes: Vec<Shape>,
    #[serde(default)]
    numbers: BTreeMap<i32, (i8, u64, f64)>,
    #[serde(default)]
    flags: BTreeMap<bool, Option<Option<String>>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Names beyond ASCII are found as well.
#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    #[serde(rename = "größe")]
    size: u8,
    #[serde(rename = "\u{fffd}", default)]
    repaired: u8,
}

#[derive(Debug, Deserialize)]
struct Ignoring {
    #[expect(dead_code, reason = "only passing over it is tested")]
    a: IgnoredAny,
}

/// Whatever the quick way takes, the long way takes for the same.
fn agrees<T: serde::de::DeserializeOwned + PartialEq + Debug>(text: &[u8]) -> bool {
    let Ok(value) = quick::<T>(text) else {
        return false;
    };
    assert_eq!(
        Ok(value),
        read_the_long_way(text),
        "{}",
        text.escape_ascii()
    );
    true
}

fn agrees_on_all_types(text: &[u8]) {
    agrees::<Value>(text);
    agrees::<Vec<f64>>(text);
    agrees::<Vec<f32>>(text);
    agrees::<BTreeMap<String, Option<i64>>>(text);
    agrees::<BTreeMap<u64, Vec<String>>>(text);
    agrees::<Shape>(text);
    agrees::<Everything>(text);
    if quick::<Ignoring>(text).is_ok() {
        assert!(
            read_the_long_way::<Ignoring>(text).is_ok(),
            "{}",
            text.escape_ascii()
        );
    }
}

#[test]
fn usual_texts_are_taken() {
    for text in [
        r#"{"msg":"hello","n":[1,-2,3.5,1e3,-0,0,18446744073709551615,-9223372036854775808]}"#,
        " { \"a\" : [ ] , \"b\" : { } , \"c\" : [ true , false , null ] } \r\n\t",
        r#""line\nbreak \"quoted\" \\ \/ \u00e4 \ud83d\ude00 \b\f\r\t""#,
        "\"日本 😀\"",
        "[123456789012345678901234567890,0.1,5e-324,1.7976931348623157e308]",
    ] {
        assert!(agrees::<Value>(text.as_bytes()), "{text}");
    }
    assert!(agrees::<Vec<f32>>(b"[0.1,16777217,1e-45,3.4028235e38]"));
    assert!(agrees::<Everything>(
        br#"{"shapes":["Unit",{"New":1},{"Pair":[1,"x"]},{"Struct":{"a":null,"b":null}},{"Unit":null}],
            "numbers":{"-5":[1,2,3]},"flags":{"true":null,"false":"x"},"more":{"x":[1]}}"#
    ));
    assert!(quick::<Ignoring>(br#"{"a":{"b":[{},[],"\"",1.5e3,null]},"c":[1]}"#).is_ok());
}

#[test]
fn text_that_go_repairs_is_repaired() {
    for text in [
        b"\"\xff a \xe2\x80\"".as_slice(),
        br#""\ud800""#,
        br#""\udc00 \ud800x""#,
        b"{\"k\xff\":\"\\n\xc3\"}",
    ] {
        assert!(agrees::<Value>(text), "{}", text.escape_ascii());
    }
}

#[test]
fn names_of_fields_are_compared_as_the_text_that_they_stand_for() {
    for text in [
        "{\"größe\":1}".as_bytes(),
        br#"{"gr\u00f6\u00dfe":1}"#,
        b"{\"gr\xc3\xb6\xc3\x9fe\":1,\"\xff\":2}",
    ] {
        assert!(agrees::<Named>(text), "{}", text.escape_ascii());
    }
    assert!(!agrees::<Named>(b"{\"gr\xc3\xb6\xffe\":1}"));
}

#[test]
fn what_is_no_json_is_declined() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{'a':1}",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12",
        "\"a\nb\"",
        "\"\\\n\"",
        "-",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "1e400",
        "nul",
        "nulll",
        "{} x",
        "[1 2]",
        "[1}",
        "{]",
        "\u{feff}{}",
        "Infinity",
        "NaN",
    ] {
        assert!(quick::<Value>(text.as_bytes()).is_err(), "{text}");
        let ignored = format!("{{\"a\":{text}}}");
        assert!(
            quick::<Ignoring>(ignored.as_bytes()).is_err() || text == "1e400",
            "{text}"
        );
    }
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(quick::<Value>(nested(127).as_bytes()).is_ok());
    assert!(quick::<Value>(nested(128).as_bytes()).is_err());
    let bomb = format!("{{\"a\":{}}}", nested(1 << 20));
    assert!(quick::<Ignoring>(bomb.as_bytes()).is_err());
}

/// Pieces that often make JSON, and often the types above.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\":", "\"5\":", "\"b\"", "1", "-", "0", "-0", ".5",
            "e+2", "0.1", "12345678901234567890", "true", "null", "\"Unit\"", "\"New\":", "\"Pair\":",
            "[1,\"x\"]", "\"shapes\":", "{\"shapes\":[", "]}", "\"flags\":{\"true\":", " ", "\n", "\\",
            "\\u00e9", "\\ud800", "\u{1}", "é", "[]", "{}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3),
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_quick_way_and_the_long_way_agree(text in text()) {
        agrees_on_all_types(&text);
        agrees_on_all_types(&[b"[", &*text, b"]"].concat());
        agrees_on_all_types(&[b"{\"a\":", &*text, b"}"].concat());
    }

    #[test]
    fn floats_are_read_alike(wide in any::<f64>(), narrow in any::<f32>(), digits in "-?[0-9]{1,22}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        for text in [format!("[{wide:e}]"), format!("[{narrow:e}]"), format!("[{narrow}]"), format!("[{digits}]")] {
            agrees::<Value>(text.as_bytes());
            agrees::<Vec<f32>>(text.as_bytes());
            agrees::<Vec<f64>>(text.as_bytes());
        }
    }
}
