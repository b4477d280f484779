//! Two fields have two names on the wire, also after a change of case.
#![allow(unused)]

use pitaya::message;

#[message(rename_all = "camel")]
struct Join {
    room_id: String,
    room__id: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
