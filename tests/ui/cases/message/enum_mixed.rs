//! All variants hold a value or none does.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {
    #[field(1)]
    Circle(f64),
    Nothing,
}

#[message]
struct Draw {
    #[field(oneof)]
    shape: Option<Shape>,
}

// The type is there in spite of the mistake.
fn main() {
    _ = Draw::default().shape == Some(Shape::default());
}
