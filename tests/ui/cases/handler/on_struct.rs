//! `#[handler]` on a struct.
#![allow(unused)]

use pitaya::handler;

#[handler]
struct Room;

fn main() {}
