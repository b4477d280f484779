//! An `unsafe` method.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    unsafe fn join(&self) {}
}

fn main() {}
