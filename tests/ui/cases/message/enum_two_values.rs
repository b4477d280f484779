//! A variant holds one value.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(1)]
    Rectangle(f64, f64),
}

fn main() {}
