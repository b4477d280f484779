//! Not every type has a form on the wire.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    seat: u8,
}

fn main() {}
