//! A skipped method with options.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    async fn join(&self) {}

    #[route(skip, code = 7)]
    async fn helper(&self) {}
}

fn main() {}
