//! Golden expansions: what stands in a user's program, in full.
//!
//! After a wanted change: `UPDATE_EXPECT=1 cargo test -p pitaya-macros`, then read the difference.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;
use quote::quote;

use super::message;

fn expand(options: TokenStream, item: TokenStream) -> String {
    let (tokens, errors) = message(options, item);
    assert!(errors.is_empty(), "{errors:?}");
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

fn check(options: TokenStream, item: TokenStream, expected: ExpectFile) {
    expected.assert_eq(&expand(options, item));
}

#[test]
fn structs() {
    let item = quote! {
        /// Enter a room.
        ///
        /// Answers with the members.
        #[derive(Eq)]
        pub struct Join {
            /// Which one.
            pub room: String,
            #[serde_like(kept)]
            r#type: Option<i32>,
            #[field(rename = "seat_numbers", omit_empty)]
            seats: Vec<u32>,
        }
    };
    check(TokenStream::new(), item, expect_file!["golden/struct.rs"]);
}

#[test]
fn structs_with_a_oneof_and_explicit_numbers() {
    let item = quote! {
        struct Draw {
            #[field(7)]
            name: String,
            #[field(oneof)]
            shape: Option<Shape>,
            #[field(number = 2)]
            layer: u32,
        }
    };
    check(
        TokenStream::new(),
        item,
        expect_file!["golden/struct_with_oneof.rs"],
    );
}

#[test]
fn json_only_structs_with_every_option() {
    let options = quote!(
        json,
        validate,
        omit_empty,
        package = "game",
        rename_all = "camel",
        crate = "crate::p"
    );
    let item = quote! {
        #[derive(garde::Validate, Clone)]
        struct Register {
            #[garde(length(min = 3))]
            user_name: String,
        }
    };
    check(options, item, expect_file!["golden/json_struct.rs"]);
}

#[test]
fn unit_structs() {
    check(
        TokenStream::new(),
        quote!(
            pub struct Ping;
        ),
        expect_file!["golden/unit_struct.rs"],
    );
}

#[test]
fn enumerations() {
    let item = quote! {
        #[derive(Copy)]
        pub enum Color {
            Red,
            Green = 5,
            #[field(rename = "Azure")]
            Blue,
        }
    };
    check(
        TokenStream::new(),
        item,
        expect_file!["golden/enumeration.rs"],
    );
}

#[test]
fn oneofs() {
    let item = quote! {
        pub enum Shape {
            #[field(4)]
            Circle(Circle),
            #[field(5, rename = "Side")]
            Square(f64),
        }
    };
    check(TokenStream::new(), item, expect_file!["golden/oneof.rs"]);
}

#[test]
fn types_with_mistakes_are_there_without_fields() {
    let item = quote! {
        struct Join {
            #[field(0)]
            room: String,
        }
    };
    let (tokens, errors) = message(TokenStream::new(), item);
    assert_eq!(errors.len(), 1);
    let text = prettyplease::unparse(&syn::parse2(tokens).unwrap());
    expect_file!["golden/refused_struct.rs"].assert_eq(&text);
}

#[test]
fn the_runtime_is_named_by_the_path_that_is_given() {
    let items = [
        quote!(
            struct A {
                a: i32,
                #[field(oneof)]
                b: Option<O>,
            }
        ),
        quote!(
            struct U;
        ),
        quote!(
            enum E {
                A,
                B,
            }
        ),
        quote!(
            enum O {
                #[field(4)]
                C(i32),
                #[field(5)]
                D(String),
            }
        ),
    ];
    for item in items {
        let by_default = expand(TokenStream::new(), item.clone());
        assert_eq!(by_default.matches(" ::pitaya::").count(), 1, "{by_default}");
        let expected = by_default.replace(" ::pitaya::", " some::where_else::");
        assert_eq!(expand(quote!(crate = "some::where_else"), item), expected);
    }
}

#[test]
fn anything_gives_tokens_or_errors() {
    let odd = [
        quote!(),
        quote!(struct),
        quote!(
            fn f() {}
        ),
        quote!(
            mod m {
                struct A;
            }
        ),
        quote!(impl A {}),
        quote!(
            enum E {
                A {},
                B(),
                C(i32, i32),
            }
        ),
        quote!(
            struct A(#[field(1)] i32);
        ),
        quote!(
            enum E {
                A = -1 + 2,
            }
        ),
        quote!(
            struct A<'a, const N: usize> {
                a: &'a [u8; N],
            }
        ),
    ];
    for item in odd {
        let (_, errors) = message(quote!(,), item.clone());
        assert!(!errors.is_empty(), "{item}");
        let (_, errors) = message(TokenStream::new(), item.clone());
        assert!(!errors.is_empty(), "{item}");
    }
}
