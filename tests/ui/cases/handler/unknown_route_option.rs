//! An option that `#[route]` doesn't have.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(nmae = "enter")]
    async fn join(&self) {}
}

fn main() {}
