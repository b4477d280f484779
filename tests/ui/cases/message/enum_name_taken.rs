//! Two values have two names.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red,
    #[field(rename = "Red")]
    Crimson,
}

fn main() {}
