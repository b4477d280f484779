//! Two methods with one dictionary code.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    #[route(code = 7)]
    async fn join(&self) -> Result<Vec<u8>> {
        todo!()
    }

    #[route(code = 7)]
    async fn say(&self) {}
}

fn main() {}
