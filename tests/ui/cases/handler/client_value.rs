//! Neither a name nor a switch.
#![allow(unused)]

use pitaya::handler;

struct Room;

#[handler(client = 7)]
impl Room {
    async fn join(&self) {}
}

fn main() {}
