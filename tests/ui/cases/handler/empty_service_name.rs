//! A service without a name.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler(name = "")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
