use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    type Score;
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
