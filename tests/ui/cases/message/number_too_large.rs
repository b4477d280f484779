//! Numbers have 29 bits.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(536870912)]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
