//! A function is no message.
#![allow(unused)]

use pitaya::message;

#[message]
fn join() {}

fn main() {}
