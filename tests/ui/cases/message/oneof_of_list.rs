//! A oneof holds no lists.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(2)]
    Polygon(Vec<f64>),
}

fn main() {}
