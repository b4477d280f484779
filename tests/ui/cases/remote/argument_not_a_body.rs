use pitaya::{Bytes, Result, remote};

pub struct Score;

#[remote]
pub trait Scores {
    async fn add(&self, req: Score) -> Result<Bytes>;
}

fn main() {}
