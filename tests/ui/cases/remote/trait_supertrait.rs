use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores: Send + std::fmt::Debug {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
