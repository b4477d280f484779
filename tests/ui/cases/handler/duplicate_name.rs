//! Two methods with one route name.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(name = "enter")]
    async fn join(&self) -> Result<Vec<u8>> {
        todo!()
    }

    async fn enter(&self) {}
}

fn main() {}
