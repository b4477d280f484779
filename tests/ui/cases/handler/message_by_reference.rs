//! A message that is only lent.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self, msg: &Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg.clone())
    }
}

fn main() {}
