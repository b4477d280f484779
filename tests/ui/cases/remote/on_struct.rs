use pitaya::remote;

#[remote]
pub struct Board;

fn main() {}
