//! A context to change.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self, ctx: &mut Context<'_>) -> Result<Vec<u8>> {
        todo!()
    }
}

fn main() {}
