//! An answer without `Result`.
#![allow(unused)]

use pitaya::{Context, handler};

struct Room;

#[handler]
impl Room {
    async fn count(&self, ctx: &Context<'_>) -> u32 {
        7
    }
}

fn main() {}
