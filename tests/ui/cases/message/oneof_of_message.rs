//! A message is no oneof.
#![allow(unused)]

use pitaya::message;

#[message]
struct Draw {
    #[field(oneof)]
    shape: Option<Point>,
}

#[message]
struct Point {
    x: f64,
}

fn main() {}
