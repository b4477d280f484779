//! Numbers are all given or all by order.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    room: String,
    #[field(2)]
    seat: u32,
    password: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
