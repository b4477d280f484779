//! `#[route]` on something that cannot be called.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = 7)]
    const LIMIT: usize = 3;

    async fn join(&self) {}
}

fn main() {}
