//! A typed client whose name cannot be one.
#![allow(unused)]

use pitaya::handler;

struct Room;

#[handler(client = "Room Calls")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
