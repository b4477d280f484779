use pitaya::remote;

#[remote]
pub trait Scores {}

fn main() {}
