//! A time limit without unit.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(timeout = 5)]
    async fn join(&self) {}
}

fn main() {}
