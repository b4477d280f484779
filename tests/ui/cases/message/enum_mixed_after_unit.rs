//! All variants hold a value or none does.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    Nothing,
    Circle(f64),
}

fn main() {}
