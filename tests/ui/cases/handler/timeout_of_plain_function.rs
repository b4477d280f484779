//! A time limit on what cannot be interrupted.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(timeout = "5s")]
    fn join(&self) {}
}

fn main() {}
