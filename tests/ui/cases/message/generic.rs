//! A message has one form, so it has no type parameters.
#![allow(unused)]

use pitaya::message;

#[message]
struct Join<T> {
    room: T,
}

fn main() {}
