//! A method that wants its service for itself.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&mut self, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

fn main() {}
