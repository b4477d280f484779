//! Two contexts.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, other: &Context<'_>) -> Result<Vec<u8>> {
        todo!()
    }
}

fn main() {}
