//! A method that consumes its service.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(self, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

fn main() {}
