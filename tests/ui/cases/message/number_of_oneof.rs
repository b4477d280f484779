//! The variants of a oneof have the numbers.
#![allow(unused)]

use pitaya::message;

#[message]
struct Draw {
    #[field(oneof, number = 1)]
    shape: Option<Shape>,
}

#[message]
enum Shape {
    #[field(2)]
    Circle(f64),
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Draw>();
    let _: Draw = Default::default();
}
