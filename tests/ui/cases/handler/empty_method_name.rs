//! A method without a name.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(name = " ")]
    async fn join(&self) {}
}

fn main() {}
