//! A time limit that is no duration.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(timeout = "5 seconds")]
    async fn join(&self) {}
}

fn main() {}
