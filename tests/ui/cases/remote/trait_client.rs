use pitaya::{Bytes, Result, remote};

#[remote(client = false)]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
