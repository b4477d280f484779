//! Protobuf is strict about names.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(rename = "room-id")]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
