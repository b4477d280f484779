//! A service that cannot be shared between sessions.
#![allow(unused)]

use std::cell::RefCell;

use pitaya::{Context, Result, handler};

struct Room {
    members: RefCell<Vec<u8>>,
}

#[handler]
impl Room {
    async fn join(&self, ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        self.members.borrow_mut().extend(&msg);
        Ok(msg)
    }

    fn leave(&self) {
        self.members.borrow_mut().clear();
    }
}

fn main() {}
