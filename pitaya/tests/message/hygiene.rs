//! Generated code names everything by its full path, and the runtime by the path it is given.

#[allow(non_camel_case_types, dead_code)]
mod nothing_in_scope {
    #![no_implicit_prelude]

    // Names that generated code would trip over if it used them.
    struct Option;
    struct Result;
    struct Vec;
    struct String;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    mod core {}
    mod std {}
    mod pitaya {}

    #[::pitaya::message]
    pub(super) struct S {
        pub(super) out: ::std::string::String,
        pub(super) to: D,
        pub(super) from: ::std::option::Option<Serializer>,
        #[field(oneof)]
        pub(super) value: ::std::option::Option<T>,
    }

    #[::pitaya::message]
    pub(super) struct D {
        pub(super) number: i32,
        pub(super) depth: ::std::vec::Vec<u32>,
    }

    #[::pitaya::message]
    pub(super) struct Serializer;

    #[::pitaya::message]
    pub(super) enum E {
        None,
        Some,
    }

    #[::pitaya::message]
    pub(super) enum T {
        #[field(10)]
        Ok(E),
        #[field(11)]
        Err(D),
    }

    #[::pitaya::message(json)]
    pub(super) struct J {
        pub(super) key: ::std::collections::HashMap<::std::string::String, E>,
    }
}

mod engine {
    pub use ::pitaya as renamed;
}

#[engine::renamed::message(crate = "crate::hygiene::engine::renamed")]
struct Renamed {
    name: String,
}

// Types, names and numbers can come out of another macro.
macro_rules! declare {
    ($name:ident { $($field:ident: $type:ty = $number:literal,)* }) => {
        #[pitaya::message]
        struct $name {
            $(#[field($number)] $field: $type,)*
        }
    };
}

declare!(Declared { self_made: Option<String> = 1, out: Vec<i32> = 2, });

// What the author derives is left to the author.
#[pitaya::message]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Derived {
    name: String,
}

#[pitaya::message]
#[derive(std::clone::Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
enum DerivedChoice {
    #[default]
    Only,
}

#[test]
fn every_trait_of_the_author_stands_beside_ours() {
    let names = std::collections::HashSet::from([Derived::default()]);
    assert!(names.contains(&Derived {
        name: String::new()
    }));
    assert!(Derived::default() < Derived { name: "a".into() });
    assert_eq!(
        format!("{:?} {:?}", Derived::default(), DerivedChoice::Only),
        "Derived { name: \"\" } Only"
    );
    let shown = format!(
        "{:#?}",
        Declared {
            self_made: Some("a".into()),
            out: vec![1]
        }
    );
    assert_eq!(
        shown,
        "Declared {\n    self_made: Some(\n        \"a\",\n    ),\n    out: [\n        1,\n    ],\n}"
    );
}

#[test]
fn generated_code_works_anywhere() {
    use nothing_in_scope as odd;

    use super::{json, protobuf};

    let value = odd::S {
        out: "a".into(),
        to: odd::D {
            number: 1,
            depth: vec![2],
        },
        from: Some(odd::Serializer),
        value: Some(odd::T::Ok(odd::E::Some)),
    };
    let text = json::encode(&value);
    assert_eq!(
        text,
        r#"{"out":"a","to":{"number":1,"depth":[2]},"from":{},"value":{"Ok":1}}"#
    );
    let bytes = protobuf::encode(&value);
    assert_eq!(
        <odd::S as pitaya::Message>::decode_protobuf(&bytes),
        Ok(value)
    );
    assert_eq!(
        json::encode(&Renamed { name: "x".into() }),
        r#"{"name":"x"}"#
    );
    let declared = Declared {
        self_made: None,
        out: vec![1],
    };
    assert_eq!(json::encode(&declared), r#"{"self_made":null,"out":[1]}"#);
    assert_eq!(json::encode(&odd::J::default()), r#"{"key":{}}"#);
}
