//! A reply that cannot travel is no second mistake where the typed client is used.
#![allow(unused)]

use pitaya::client::{Client, Error};
use pitaya::{Result, handler};

struct Room;

struct Joined;

#[handler]
impl Room {
    async fn join(&self, msg: Vec<u8>) -> Result<Joined> {
        Ok(Joined)
    }
}

async fn play(client: &Client) -> Result<Joined, Error> {
    RoomHandlerClient::new(client).join(&vec![1]).await
}

fn main() {}
