//! `#[message(validate)]`: garde's rules, field by field.

use garde::Validate;
use pitaya::{Body, Error, Message, message};

#[message(validate)]
#[derive(Validate)]
struct Register {
    #[garde(length(min = 3))]
    name: String,
    #[garde(range(min = 18))]
    age: i32,
    #[garde(dive)]
    items: Vec<Item>,
}

#[message(validate)]
#[derive(Validate)]
struct Item {
    #[garde(range(min = 1))]
    count: u32,
}

#[message]
struct Unchecked {
    age: i32,
}

#[test]
fn broken_rules_name_their_fields() {
    let valid = Register {
        name: "ada".into(),
        age: 18,
        items: vec![Item { count: 1 }],
    };
    assert_eq!(Message::validate(&valid), Ok(()));

    let invalid = Register {
        name: "a".into(),
        age: 3,
        items: vec![Item { count: 1 }, Item { count: 0 }],
    };
    let invalid = Body::validate(&invalid).unwrap_err();
    let paths: Vec<_> = invalid
        .fields
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(paths, ["age", "items[1].count", "name"]);
    let error = Error::from(invalid);
    assert_eq!(error.code(), "PIT-400");
}

#[test]
fn types_without_rules_are_valid() {
    assert_eq!(Body::validate(&Unchecked { age: -1 }), Ok(()));
}
