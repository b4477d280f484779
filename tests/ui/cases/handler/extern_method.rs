//! An `extern` method.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {
    extern "C" fn join(&self) {}
}

fn main() {}
