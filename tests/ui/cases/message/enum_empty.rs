//! An enumeration has a default.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {}

#[message]
struct Draw {
    shape: Shape,
}

// The type is there in spite of the mistake.
fn main() {
    _ = Draw::default();
}
