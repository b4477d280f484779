//! Mounting a type without a `#[handler]` block.
#![allow(unused)]

use pitaya::handler::HandlerService;

struct Room;

fn mount<S: HandlerService>(_: S) {}

fn main() {
    mount(Room);
}
