use pitaya::{Bytes, Result, remote};

pub struct Full;

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes, Full>;
}

fn main() {}
