//! A notify whose return type doesn't say so: its typed client would wait for an answer.
#![allow(unused)]

use pitaya::{Result, handler};

struct Room;

type Done = Result<()>;

#[handler]
impl Room {
    async fn join(&self) -> Done {
        Ok(())
    }
}

fn main() {}
