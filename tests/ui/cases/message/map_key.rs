//! Keys of maps are texts, integers or booleans.
#![allow(unused)]

use pitaya::message;

#[message]
struct Scores {
    by_weight: std::collections::BTreeMap<Weight, u32>,
}

#[message]
#[derive(Eq, PartialOrd, Ord)]
enum Weight {
    Light,
    Heavy,
}

fn main() {}
