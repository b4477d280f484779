//! A union is no message.
#![allow(unused)]

use pitaya::message;

#[message]
union Join {
    room: u32,
}

fn main() {}
