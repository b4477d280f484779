//! An option of a field is given once, in however many attributes.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(1)]
    #[field(number = 2)]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
