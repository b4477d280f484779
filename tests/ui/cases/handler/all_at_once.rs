//! All mistakes of a block show at once, and mounting it is no further one.
#![allow(unused)]

use pitaya::handler::HandlerService;
use pitaya::{Context, Result, handler};

struct Room;

#[handler(rename_all = "snake", color = "red")]
impl Room {
    #[route(timeout = "soon")]
    async fn join(&self, ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }

    async fn say(self) {}

    #[route(code = 70000, concurrent, concurrent)]
    async fn leave(&self) {}
}

fn mount<S: HandlerService>(_: S) {}

fn main() {
    mount(Room);
}
