//! A `const` method.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    const fn join(&self) {}
}

fn main() {}
