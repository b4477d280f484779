//! Absent is 0 in protobuf.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red = 1,
    Green = 2,
}

fn main() {}
