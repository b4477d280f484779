use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores: Send + Sync + 'static {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
