//! `#[route]` outside of a `#[handler]` block.
#![allow(unused)]

use pitaya::route;

struct Room;

impl Room {
    #[route(code = 7)]
    async fn join(&self) {}
}

fn main() {}
