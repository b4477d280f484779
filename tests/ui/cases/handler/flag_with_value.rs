//! A flag with a value.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(concurrent = true)]
    async fn join(&self) {}
}

fn main() {}
