use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    fn best(&self) -> Result<Bytes>;
}

fn main() {}
