//! A name is not empty.
#![allow(unused)]

use pitaya::message;

#[message(json)]
struct Join {
    #[field(rename = "")]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
