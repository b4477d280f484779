use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Option<Bytes>>;
}

fn main() {}
