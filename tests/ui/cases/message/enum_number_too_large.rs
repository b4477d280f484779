//! Numbers of values have 32 bits.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red,
    Green = 2147483648,
}

fn main() {}
