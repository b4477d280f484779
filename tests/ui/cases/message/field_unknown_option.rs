//! An unknown option of a field is answered with the known ones.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join {
    #[field(skip)]
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
