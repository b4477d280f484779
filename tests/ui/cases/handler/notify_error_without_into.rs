//! The same in a notify, with a time limit.
#![allow(unused)]

use pitaya::handler;

struct Room;

struct RoomError;

#[handler]
impl Room {
    #[route(timeout = "5s")]
    async fn join(&self) -> Result<(), RoomError> {
        Err(RoomError)
    }
}

fn main() {}
