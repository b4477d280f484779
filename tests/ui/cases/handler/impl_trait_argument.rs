//! A method that is generic by `impl Trait`.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self, msg: impl pitaya::Body) -> Result<Vec<u8>> {
        todo!()
    }
}

fn main() {}
