//! A return type without a name.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    fn join(&self) -> impl Future<Output = Result<Vec<u8>>> {
        async { todo!() }
    }
}

fn main() {}
