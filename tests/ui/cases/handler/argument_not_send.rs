//! A message type that is neither one nor can go to another thread: still one mistake.
#![allow(unused)]

use std::rc::Rc;

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Rc<Vec<u8>>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

fn main() {}
