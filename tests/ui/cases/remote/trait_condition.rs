use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores where Self: Sync {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
