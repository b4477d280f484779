//! Two methods with one identifier: the compiler's own error, and no other.
#![allow(unused)]

use pitaya::handler;

struct Room;

#[handler]
impl Room {
    async fn join(&self) {}

    async fn join(&self) {}
}

fn main() {}
