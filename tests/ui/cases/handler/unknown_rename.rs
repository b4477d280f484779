//! A naming policy that doesn't exist.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler(rename_all = "snake")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
