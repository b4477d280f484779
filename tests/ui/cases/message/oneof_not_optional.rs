//! A oneof may be absent.
#![allow(unused)]

use pitaya::message;

#[message]
struct Draw {
    #[field(oneof)]
    shape: Shape,
}

#[message]
enum Shape {
    #[field(2)]
    Circle(f64),
    #[field(3)]
    Square(f64),
}

fn main() {}
