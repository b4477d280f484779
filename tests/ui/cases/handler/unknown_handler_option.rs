//! An option that `#[handler]` doesn't have.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler(rename = "lower")]
impl Room {
    async fn join(&self) {}
}

fn main() {}
