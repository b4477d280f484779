//! A struct without the attribute is no field type.
#![allow(unused)]

use pitaya::message;

#[derive(Clone, Debug, Default, PartialEq)]
struct Seat {
    row: u32,
}

#[message]
struct Join {
    seats: Vec<Seat>,
}

fn main() {}
