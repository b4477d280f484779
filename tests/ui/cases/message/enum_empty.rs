//! An enumeration has a default.
#![allow(unused)]

use pitaya::message;

#[message]
enum Shape {}

fn main() {}
