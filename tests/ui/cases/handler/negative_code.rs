//! A code below zero.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = -1)]
    async fn join(&self) {}
}

fn main() {}
