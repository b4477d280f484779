//! Every variant of a oneof is a field with a number.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(2)]
    Circle(f64),
    Square(f64),
}

fn main() {}
