//! An option given twice.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = 7, code = 8)]
    async fn join(&self) {}
}

fn main() {}
