//! An option is given once.
#![allow(unused)]

use pitaya::message;

#[message(json, json)]
struct Join {
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
