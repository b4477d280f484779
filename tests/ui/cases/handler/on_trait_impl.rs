//! `#[handler]` on the impl of a trait.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

trait Lobby {
    async fn join(&self);
}

#[handler]
impl Lobby for Room {
    #[route(code = 7)]
    async fn join(&self) {}
}

fn main() {}
