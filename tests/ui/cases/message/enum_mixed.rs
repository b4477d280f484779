//! All variants hold a value or none does.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(1)]
    Circle(f64),
    Nothing,
}

fn main() {}
