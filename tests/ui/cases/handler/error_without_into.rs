//! An error type that `pitaya::Error` cannot be made from.
#![allow(unused)]

use pitaya::{Context, handler};

struct Room;

struct RoomError;

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>, RoomError> {
        Err(RoomError)
    }
}

fn main() {}
