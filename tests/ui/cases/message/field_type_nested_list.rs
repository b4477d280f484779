//! Protobuf has no lists of lists.
#![allow(unused)]

use pitaya::message;

#[message]
struct Board {
    cells: Vec<Vec<u32>>,
}

fn main() {}
