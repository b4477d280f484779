//! A number is no text.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(number = "1")]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
