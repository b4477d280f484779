//! A method with a type parameter.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join<T: Send>(&self, ctx: &Context<'_>, msg: Vec<T>) -> Result<Vec<u8>> {
        todo!()
    }
}

fn main() {}
