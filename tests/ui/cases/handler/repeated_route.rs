//! An attribute given twice.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = 7)]
    #[route(concurrent)]
    async fn join(&self) {}
}

fn main() {}
