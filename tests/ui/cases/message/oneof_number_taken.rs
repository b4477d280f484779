//! The numbers of a oneof are numbers of the message.
#![allow(unused)]

use pitaya::message;

#[message]
struct Draw {
    name: String,
    layer: u32,
    #[field(oneof)]
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
