//! A future that cannot move between threads.
#![allow(unused)]

use std::rc::Rc;

use pitaya::{Context, Result, handler};

struct Room;

async fn lookup() {}

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        let shared = Rc::new(msg);
        lookup().await;
        Ok(shared.to_vec())
    }
}

fn main() {}
