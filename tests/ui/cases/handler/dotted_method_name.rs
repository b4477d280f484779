//! A method name of two parts.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(name = "room.join")]
    async fn join(&self) {}
}

fn main() {}
