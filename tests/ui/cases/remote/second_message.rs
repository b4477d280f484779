use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn add(&self, a: Bytes, b: Bytes) -> Result<Bytes>;
}

fn main() {}
