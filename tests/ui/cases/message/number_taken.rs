//! Two fields have two numbers.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(1)]
    room: String,
    #[field(1)]
    seat: u32,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
