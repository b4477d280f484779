//! An empty attribute says nothing.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
