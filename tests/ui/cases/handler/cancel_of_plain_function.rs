//! Cancellation of what cannot be interrupted.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(cancel)]
    fn join(&self) {}
}

fn main() {}
