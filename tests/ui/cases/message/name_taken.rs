//! Two fields have two names on the wire.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    room: String,
    #[field(rename = "room")]
    table: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
