//! A service without methods.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

#[handler]
impl Room {}

fn main() {}
