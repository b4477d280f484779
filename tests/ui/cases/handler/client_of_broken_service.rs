//! A mistake in a block is no second one where its typed client is used.
#![allow(unused)]

use pitaya::client::{Client, Error};
use pitaya::{Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = "seven")]
    async fn join(&self, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

async fn play(client: &Client) -> Result<Vec<u8>, Error> {
    RoomHandlerClient::new(client).join(&vec![1]).await
}

fn main() {}
