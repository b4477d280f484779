//! A function without `self`.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

fn main() {}
