//! Values have the numbers of the language.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red,
    #[field(3)]
    Green,
}

fn main() {}
