//! Options are names and values.
#![allow(unused)]

use pitaya::message;

#[message(json(true))]
struct Join {
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
