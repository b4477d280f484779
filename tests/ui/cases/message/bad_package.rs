//! A package is identifiers joined by dots.
#![allow(unused)]

use pitaya::message;

#[message(package = "my-game")]
struct Join {
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
