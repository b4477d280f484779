//! A service name of two parts.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler(name = "game.room")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
