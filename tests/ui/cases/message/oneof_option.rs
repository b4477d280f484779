//! Variants of a oneof have fewer options than fields.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(2, omit_empty)]
    Circle(f64),
}

fn main() {}
