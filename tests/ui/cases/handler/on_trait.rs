//! `#[handler]` on a trait.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
trait Lobby {
    async fn join(&self);
}

fn main() {}
