//! Every mistake shows at once.
#![allow(unused)]

use pitaya::message;

#[message(packet = "game", validate = 1)]
struct Join {
    #[field(0)]
    room: String,
    #[field(rename = 7)]
    seat: u32,
    #[field(oneoff)]
    shape: u32,
}

// The type is there in spite of the mistake.
fn main() {
    fn travels<T: pitaya::Message>() {}
    travels::<Join>();
    let _: Join = Default::default();
}
