use pitaya::{Bytes, Result, remote};

#[remote(name = "a.b")]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
