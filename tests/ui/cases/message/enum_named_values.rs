//! A variant holds one value, without a name.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(1)]
    Rectangle { width: f64 },
}

fn main() {}
