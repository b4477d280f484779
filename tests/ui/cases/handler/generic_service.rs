//! A service with a type parameter.
#![allow(unused)]

use pitaya::{Context, Result, handler};

struct Room;

struct Board<T>(T);

#[handler]
impl<T: Clone> Board<T> {
    async fn join(&self) {}
}

fn main() {}
