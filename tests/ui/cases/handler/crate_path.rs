//! A path that isn't one.
#![allow(unused)]

use pitaya::handler;

struct Room;

#[handler(crate = "my game")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
