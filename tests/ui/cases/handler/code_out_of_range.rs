//! A code above 65535.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = 65536)]
    async fn join(&self) {}
}

fn main() {}
