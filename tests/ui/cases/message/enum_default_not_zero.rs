//! Absent is 0 in protobuf, so 0 is the default.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red,
    #[default]
    Green,
}

fn main() {}
