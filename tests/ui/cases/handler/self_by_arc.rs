//! A method of a shared pointer.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(self: std::sync::Arc<Self>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

fn main() {}
