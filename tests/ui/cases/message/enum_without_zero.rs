//! Absent is 0 in protobuf.
#![allow(unused)]

use pitaya::message;

#[message]
enum Color {
    Red = 1,
    Green = 2,
}

#[message]
struct Paint {
    color: Color,
    others: Vec<Color>,
}

// The type is there in spite of the mistake.
fn main() {
    _ = Paint::default().color == Color::Green;
}
