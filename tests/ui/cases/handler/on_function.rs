//! `#[handler]` on a function.
#![allow(unused)]

use pitaya::handler;

#[handler]
async fn join() {}

fn main() {}
