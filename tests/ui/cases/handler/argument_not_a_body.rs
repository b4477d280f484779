//! A message type without `#[message]`.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

struct Join;

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Join) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

fn main() {}
