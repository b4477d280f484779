//! An answer type without `#[message]`.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

struct Joined;

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Vec<u8>) -> Result<Joined> {
        Ok(Joined)
    }
}

fn main() {}
