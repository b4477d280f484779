//! A oneof says so in protobuf.
#![allow(unused)]

use pitaya::message;

#[message]
struct Draw {
    shape: Option<Shape>,
}

#[message]
enum Shape {
    #[field(2)]
    Circle(f64),
    #[field(3)]
    Square(f64),
}

fn main() {}
