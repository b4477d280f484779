//! Numbers of values are known to the macro.
#![allow(unused)]

use pitaya::message;

const GREEN: isize = 2;

#[message]
enum Color {
    Red,
    Green = GREEN,
}

fn main() {}
