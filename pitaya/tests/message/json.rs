//! The JSON form: the rules of Go's `encoding/json`, row by row.

use std::collections::{BTreeMap, HashMap};

use expect_test::{Expect, expect};
use pitaya::__private::bytes::Bytes;
use pitaya::{Json, Message, message};
use proptest::prelude::*;

use super::kinds::{Color, Figure, Kinds, Nothing, Point, kinds};

pub fn encode<T: Message>(value: &T) -> String {
    let mut out = b"before".to_vec();
    value.encode_json(&mut out).unwrap();
    String::from_utf8(out.split_off(6)).unwrap()
}

/// What a text says, as we would write it, or why it is refused.
fn check<T: Message>(text: impl AsRef<[u8]>, expected: Expect) {
    let answer = match T::decode_json(text.as_ref()) {
        Ok(value) => encode(&value),
        Err(error) => format!("refused: {error}"),
    };
    expected.assert_eq(&answer);
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in kinds()) {
        prop_assert_eq!(Kinds::decode_json(encode(&value).as_bytes()).unwrap(), value);
    }
}

#[test]
fn every_kind_of_field_has_the_form_of_go() {
    let pretty = |value: &Kinds| encode(value).replace(",\"", ",\n\"");
    expect![[r#"
        {"flag":false,
        "small":0,
        "large":0,
        "count":0,
        "total":0,
        "ratio":0,
        "exact":0,
        "name":"",
        "data":"",
        "shared":"",
        "color":0,
        "point":{"x":0,
        "y":0},
        "maybe_flag":null,
        "maybe_small":null,
        "maybe_total":null,
        "maybe_exact":null,
        "maybe_name":null,
        "maybe_data":null,
        "maybe_color":null,
        "maybe_point":null,
        "child":null,
        "flags":[],
        "smalls":[],
        "larges":[],
        "counts":[],
        "totals":[],
        "ratios":[],
        "exacts":[],
        "names":[],
        "blobs":[],
        "colors":[],
        "points":[],
        "scores":{},
        "places":{},
        "tints":{},
        "names_by":{},
        "figure":null}"#]]
    .assert_eq(&pretty(&Kinds::default()));

    let full = Kinds {
        flag: true,
        small: i32::MIN,
        large: i64::MIN,
        count: u32::MAX,
        total: u64::MAX,
        ratio: 0.1,
        exact: 1e21,
        name: "<é&\u{2028}\n\">".into(),
        data: b"abcd".to_vec(),
        shared: Bytes::from_static(b"\xff\xfe"),
        color: Color::Dark,
        point: Point { x: 1, y: -1 },
        maybe_flag: Some(false),
        maybe_exact: Some(1e-7),
        maybe_data: Some(vec![]),
        maybe_color: Some(Color::Red),
        maybe_point: Some(Point::default()),
        ratios: vec![1.5, 16_777_216.0],
        blobs: vec![vec![1], vec![]],
        colors: vec![Color::Blue, Color::Green],
        points: vec![Point { x: 2, y: 3 }],
        scores: HashMap::from([("b".into(), 1), ("a".into(), 2), ("B".into(), 3)]),
        places: BTreeMap::from([
            (2, Point::default()),
            (10, Point::default()),
            (-1, Point::default()),
        ]),
        figure: Some(Figure::Caption("x".into())),
        ..Kinds::default()
    };
    expect![[r#"
        {"flag":true,
        "small":-2147483648,
        "large":-9223372036854775808,
        "count":4294967295,
        "total":18446744073709551615,
        "ratio":0.1,
        "exact":1e+21,
        "name":"\u003cé\u0026\u2028\n\"\u003e",
        "data":"YWJjZA==",
        "shared":"//4=",
        "color":-3,
        "point":{"x":1,
        "y":-1},
        "maybe_flag":false,
        "maybe_small":null,
        "maybe_total":null,
        "maybe_exact":1e-7,
        "maybe_name":null,
        "maybe_data":"",
        "maybe_color":0,
        "maybe_point":{"x":0,
        "y":0},
        "child":null,
        "flags":[],
        "smalls":[],
        "larges":[],
        "counts":[],
        "totals":[],
        "ratios":[1.5,16777216],
        "exacts":[],
        "names":[],
        "blobs":["AQ==",
        ""],
        "colors":[6,5],
        "points":[{"x":2,
        "y":3}],
        "scores":{"B":3,
        "a":2,
        "b":1},
        "places":{"-1":{"x":0,
        "y":0},
        "10":{"x":0,
        "y":0},
        "2":{"x":0,
        "y":0}},
        "tints":{},
        "names_by":{},
        "figure":{"Label":"x"}}"#]]
    .assert_eq(&pretty(&full));
    assert_eq!(Kinds::decode_json(encode(&full).as_bytes()), Ok(full));
}

/// Zero fields stay out, so that a row shows what was read.
#[message(json, omit_empty)]
struct Row {
    name: String,
    small: i32,
    large: i64,
    count: u32,
    ratio: f32,
    exact: f64,
    flag: bool,
    data: Vec<u8>,
    list: Vec<i32>,
    grid: Vec<Vec<i32>>,
    map: HashMap<String, i32>,
    by_id: BTreeMap<i64, bool>,
    maybe: Option<i32>,
    maybe_list: Option<Vec<String>>,
    inner: Option<Box<Row>>,
    color: Color,
    figure: Option<Figure>,
    #[field(rename = "Exact Name!")]
    odd: i32,
    any: serde_json::Value,
}

#[test]
fn absent_and_null_are_the_default() {
    check::<Row>("{}", expect!["{}"]);
    check::<Row>("null", expect!["{}"]);
    check::<Row>(
        r#"{"name":null,"small":null,"exact":null,"flag":null,"data":null,"list":null,"map":null,
            "maybe":null,"inner":null,"color":null,"figure":null,"any":null}"#,
        expect!["{}"],
    );
    check::<Row>(
        r#"{"list":[1,null,2],"inner":{"inner":null}}"#,
        expect![[r#"{"list":[1,0,2],"inner":{}}"#]],
    );
}

#[test]
fn null_after_a_value_leaves_plain_fields_and_empties_others() {
    check::<Row>(
        r#"{"name":"a","name":null,"small":1,"small":null,"color":5,"color":null,
            "list":[1],"list":null,"map":{"a":1},"map":null,"maybe":1,"maybe":null,
            "inner":{"small":1},"inner":null,"maybe_list":["a"],"maybe_list":null}"#,
        expect![[r#"{"name":"a","small":1,"color":5}"#]],
    );
}

#[test]
fn the_last_duplicate_wins() {
    check::<Row>(
        r#"{"small":1,"small":2,"name":"a","name":"b"}"#,
        expect![[r#"{"name":"b","small":2}"#]],
    );
    check::<Row>(r#"{"small":1,"SMALL":2}"#, expect![[r#"{"small":2}"#]]);
    check::<Row>(
        r#"{"list":[1,2,3],"list":[4]}"#,
        expect![[r#"{"list":[4]}"#]],
    );
    check::<Row>(
        r#"{"figure":{"Radius":1},"figure":{"Label":"a"}}"#,
        expect![[r#"{"figure":{"Label":"a"}}"#]],
    );
    // Objects are merged, as in Go.
    check::<Row>(
        r#"{"map":{"a":1,"b":1},"map":{"b":2}}"#,
        expect![[r#"{"map":{"a":1,"b":2}}"#]],
    );
    check::<Row>(
        r#"{"inner":{"small":1},"inner":{"name":"a"}}"#,
        expect![[r#"{"inner":{"name":"a","small":1}}"#]],
    );
}

#[test]
fn unknown_fields_are_skipped() {
    check::<Row>(
        r#"{"what":{"a":[1,{"b":null}]},"small":1,"no":"\n"}"#,
        expect![[r#"{"small":1}"#]],
    );
    check::<Row>(
        r#"{"what":{"a":[1,}}"#,
        expect!["refused: invalid character '}' looking for beginning of value"],
    );
}

#[message(json)]
struct Cases {
    name: i32,
    #[field(rename = "NAME")]
    other: i32,
    room_id: i32,
}

#[test]
fn names_match_exactly_else_in_any_case() {
    check::<Row>(
        r#"{"SMALL":1,"Name":"a","exact name!":3}"#,
        expect![[r#"{"name":"a","small":1,"Exact Name!":3}"#]],
    );
    check::<Row>(r#"{"sm\u0061ll":1}"#, expect![[r#"{"small":1}"#]]);
    check::<Row>(r#"{"roomid":1,"large ":1}"#, expect!["{}"]);
    check::<Cases>(
        r#"{"name":1,"NAME":2,"Room_ID":3}"#,
        expect![[r#"{"name":1,"NAME":2,"room_id":3}"#]],
    );
    check::<Cases>(
        r#"{"Name":1}"#,
        expect![[r#"{"name":1,"NAME":0,"room_id":0}"#]],
    );
}

#[test]
fn numbers_are_strict() {
    check::<Row>(
        r#"{"small":-2147483648,"large":9223372036854775807,"count":4294967295}"#,
        expect![[r#"{"small":-2147483648,"large":9223372036854775807,"count":4294967295}"#]],
    );
    check::<Row>(
        r#"{"small":2147483648}"#,
        expect![
            "refused: json: invalid value: integer `2147483648`, expected an integer of type i32 at line 1 column 19"
        ],
    );
    check::<Row>(
        r#"{"small":-2147483649}"#,
        expect![
            "refused: json: invalid value: integer `-2147483649`, expected an integer of type i32 at line 1 column 20"
        ],
    );
    check::<Row>(
        r#"{"count":-1}"#,
        expect![
            "refused: json: invalid value: integer `-1`, expected an integer of type u32 at line 1 column 11"
        ],
    );
    check::<Row>(
        r#"{"small":1.5}"#,
        expect![
            "refused: json: invalid type: floating point `1.5`, expected an integer of type i32 at line 1 column 12"
        ],
    );
    check::<Row>(
        r#"{"small":1.0}"#,
        expect![
            "refused: json: invalid type: floating point `1.0`, expected an integer of type i32 at line 1 column 12"
        ],
    );
    check::<Row>(
        r#"{"small":1e2}"#,
        expect![
            "refused: json: invalid type: floating point `100.0`, expected an integer of type i32 at line 1 column 12"
        ],
    );
    check::<Row>(
        r#"{"large":99999999999999999999}"#,
        expect![
            "refused: json: invalid type: floating point `1e+20`, expected an integer of type i64 at line 1 column 29"
        ],
    );
    check::<Row>(
        r#"{"small":"1"}"#,
        expect![[
            r#"refused: json: invalid type: string "1", expected an integer of type i32 at line 1 column 12"#
        ]],
    );
    check::<Row>(
        r#"{"small":true}"#,
        expect![
            "refused: json: invalid type: boolean `true`, expected an integer of type i32 at line 1 column 13"
        ],
    );
    check::<Row>(
        r#"{"small":[]}"#,
        expect![
            "refused: json: invalid type: sequence, expected an integer of type i32 at line 1 column 11"
        ],
    );
    check::<Row>(
        r#"{"exact":1e2,"ratio":3}"#,
        expect![[r#"{"ratio":3,"exact":100}"#]],
    );
    check::<Row>(
        r#"{"ratio":1e39}"#,
        expect![
            "refused: json: invalid value: floating point `1e+39`, expected a number of type f32 at line 1 column 13"
        ],
    );
    check::<Row>(
        r#"{"exact":1e400}"#,
        expect!["refused: json: number out of range at line 1 column 14"],
    );
    check::<Row>(
        r#"{"exact":"1"}"#,
        expect![[
            r#"refused: json: invalid type: string "1", expected a number of type f64 at line 1 column 12"#
        ]],
    );
    check::<Row>(r#"{"exact":-0.0}"#, expect!["{}"]);
}

#[test]
fn other_types_are_refused() {
    check::<Row>(
        r#"{"name":1}"#,
        expect!["refused: json: invalid type: integer `1`, expected a string at line 1 column 9"],
    );
    check::<Row>(
        r#"{"flag":1}"#,
        expect!["refused: json: invalid type: integer `1`, expected a boolean at line 1 column 9"],
    );
    check::<Row>(
        r#"{"list":{}}"#,
        expect!["refused: json: invalid type: map, expected a list at line 1 column 10"],
    );
    check::<Row>(
        r#"{"map":[]}"#,
        expect!["refused: json: invalid type: sequence, expected an object at line 1 column 9"],
    );
    check::<Row>(
        r#"{"inner":[]}"#,
        expect![
            "refused: json: invalid type: sequence, expected an object of type Row at line 1 column 11"
        ],
    );
    check::<Row>(
        "[]",
        expect![
            "refused: json: invalid type: sequence, expected an object of type Row at line 1 column 2"
        ],
    );
    check::<Row>(
        "1",
        expect![
            "refused: json: invalid type: integer `1`, expected an object of type Row at line 1 column 1"
        ],
    );
    check::<Row>(
        r#"{"by_id":{"x":true}}"#,
        expect![[
            r#"refused: json: invalid value: string "x", expected a key of type Int64 at line 1 column 13"#
        ]],
    );
}

#[test]
fn broken_texts_have_the_words_of_go() {
    check::<Row>("", expect!["refused: unexpected end of JSON input"]);
    check::<Row>(
        r#"{"small":1"#,
        expect!["refused: unexpected end of JSON input"],
    );
    check::<Row>(
        r#"{"small":1}}"#,
        expect!["refused: invalid character '}' after top-level value"],
    );
    check::<Row>(
        b"{\"name\":\"a\xffb\"}",
        expect!["{\"name\":\"a\u{fffd}b\"}"],
    );
}

#[test]
fn bytes_are_base64() {
    check::<Row>(r#"{"data":"YWJj"}"#, expect![[r#"{"data":"YWJj"}"#]]);
    check::<Row>(r#"{"data":"YW\r\nJj"}"#, expect![[r#"{"data":"YWJj"}"#]]);
    check::<Row>(r#"{"data":"YR=="}"#, expect![[r#"{"data":"YQ=="}"#]]);
    check::<Row>(
        r#"{"data":"YQ"}"#,
        expect![[
            r#"refused: json: invalid value: string "YQ", expected base64 text at line 1 column 12"#
        ]],
    );
    check::<Row>(
        r#"{"data":"Y-_="}"#,
        expect![[
            r#"refused: json: invalid value: string "Y-_=", expected base64 text at line 1 column 14"#
        ]],
    );
    check::<Row>(r#"{"data":[1,255]}"#, expect![[r#"{"data":"Af8="}"#]]);
    check::<Row>(
        r#"{"data":[256]}"#,
        expect!["refused: json: invalid value: integer `256`, expected u8 at line 1 column 12"],
    );
}

#[test]
fn enumerations_are_numbers() {
    check::<Row>(r#"{"color":-3}"#, expect![[r#"{"color":-3}"#]]);
    check::<Row>(
        r#"{"color":1}"#,
        expect!["refused: json: unknown value 1 of enum Color at line 1 column 11"],
    );
    check::<Row>(
        r#"{"color":"Red"}"#,
        expect![[
            r#"refused: json: invalid type: string "Red", expected an integer of type i32 at line 1 column 14"#
        ]],
    );
}

#[test]
fn oneofs_are_objects_with_one_variant() {
    check::<Row>(
        r#"{"figure":{"Dot":{"x":1}}}"#,
        expect![[r#"{"figure":{"Dot":{"x":1,"y":0}}}"#]],
    );
    check::<Row>(
        r#"{"figure":{"LABEL":"a"}}"#,
        expect![[r#"{"figure":{"Label":"a"}}"#]],
    );
    check::<Row>(
        r#"{"figure":{"Gone":{}}}"#,
        expect![[r#"{"figure":{"Gone":{}}}"#]],
    );
    check::<Row>(
        r#"{"figure":{"Square":1}}"#,
        expect![[
            r#"refused: json: unknown variant of Figure, known are ["Dot", "Radius", "Label", "Tint", "Gone"] at line 1 column 19"#
        ]],
    );
    check::<Row>(
        r#"{"figure":{"Radius":1,"Label":"a"}}"#,
        expect!["refused: json: two variants of Figure at line 1 column 29"],
    );
    check::<Row>(
        r#"{"figure":{}}"#,
        expect![
            "refused: json: invalid value: map, expected an object with one variant of Figure at line 1 column 12"
        ],
    );
    check::<Row>(
        r#"{"figure":"Dot"}"#,
        expect![[
            r#"refused: json: invalid type: string "Dot", expected an object with one variant of Figure at line 1 column 15"#
        ]],
    );
}

#[test]
fn json_only_types_may_hold_more() {
    check::<Row>(
        r#"{"grid":[[1,2],[],null],"maybe_list":[],"any":{"b":[1,"x"],"a":null}}"#,
        expect![[r#"{"grid":[[1,2],[],[]],"maybe_list":[],"any":{"a":null,"b":[1,"x"]}}"#]],
    );
    check::<Row>(
        r#"{"by_id":{"10":true,"9":false}}"#,
        expect![[r#"{"by_id":{"10":true,"9":false}}"#]],
    );

    #[message(json)]
    struct Foreign {
        pair: Json<(i32, String)>,
        figures: Vec<Figure>,
    }
    check::<Foreign>(
        r#"{"pair":[1,"a"],"figures":[{"Radius":0.5},{"Gone":{}}]}"#,
        expect![[r#"{"pair":[1,"a"],"figures":[{"Radius":0.5},{"Gone":{}}]}"#]],
    );
    check::<Foreign>("{}", expect![[r#"{"pair":[0,""],"figures":[]}"#]]);
    let error = Foreign::default()
        .encode_protobuf(&mut Vec::new())
        .unwrap_err();
    assert_eq!(error.to_string(), "protobuf: convert on wrong type value");
    let error = Foreign::decode_protobuf(b"").unwrap_err();
    assert_eq!(error.to_string(), "protobuf: convert on wrong type value");
}

#[message(rename_all = "camel")]
struct Camel {
    room_id: i32,
    #[field(rename = "as_is")]
    renamed: i32,
    r#type: i32,
    #[field(omit_empty)]
    left_out: Vec<i32>,
}

#[test]
fn names_can_be_changed_and_zeroes_left_out() {
    check::<Camel>("{}", expect![[r#"{"roomId":0,"as_is":0,"type":0}"#]]);
    check::<Camel>(
        r#"{"roomId":1,"as_is":2,"type":3,"leftOut":[4]}"#,
        expect![[r#"{"roomId":1,"as_is":2,"type":3,"leftOut":[4]}"#]],
    );
}

#[message(omit_empty)]
struct Sparse {
    flag: bool,
    small: i32,
    ratio: f64,
    name: String,
    data: Vec<u8>,
    names: Vec<String>,
    map: BTreeMap<String, i32>,
    maybe: Option<i32>,
    color: Color,
    point: Point,
    nothing: Nothing,
}

#[test]
fn omit_empty_leaves_out_what_go_leaves_out() {
    check::<Sparse>("{}", expect![[r#"{"point":{"x":0,"y":0},"nothing":{}}"#]]);
    let zero = Sparse {
        maybe: Some(0),
        ratio: -0.0,
        ..Sparse::default()
    };
    assert_eq!(
        encode(&zero),
        r#"{"maybe":0,"point":{"x":0,"y":0},"nothing":{}}"#
    );
}

#[test]
fn numbers_without_a_json_form_are_refused() {
    let mut out = b"kept".to_vec();
    let nan = Kinds {
        exact: f64::NAN,
        ..Kinds::default()
    };
    let error = nan.encode_json(&mut out).unwrap_err();
    assert_eq!(error.to_string(), "json: unsupported value: NaN");
    assert_eq!(out, b"kept");
}

#[test]
fn deep_texts_are_refused() {
    let deep = |depth: usize| {
        format!(
            "{}{}",
            r#"{"inner":"#.repeat(depth),
            "null".to_owned() + &"}".repeat(depth)
        )
    };
    assert!(Row::decode_json(deep(100).as_bytes()).is_ok());
    assert!(Row::decode_json(deep(100_000).as_bytes()).is_err());
}
