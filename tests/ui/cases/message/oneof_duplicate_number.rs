//! Two variants have two numbers.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(2)]
    Circle(f64),
    #[field(2)]
    Square(f64),
}

fn main() {}
