//! A JSON-only type has no place in a protobuf type.
#![allow(unused)]

use pitaya::message;

#[message(json)]
struct Seat {
    row: u32,
}

#[message]
struct Join {
    seat: Option<Seat>,
}

fn main() {}
