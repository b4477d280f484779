//! An unknown option is answered with the known ones.
#![allow(unused)]

use pitaya::message;

#[message(jsn)]
struct Join {
    room: String,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
