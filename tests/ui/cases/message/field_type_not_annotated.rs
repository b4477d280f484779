//! One missing attribute is one mistake.
#![allow(unused)]

use pitaya::message;

struct Seat {
    row: u32,
}

#[message]
struct Join {
    seat: Seat,
}

fn main() {}
