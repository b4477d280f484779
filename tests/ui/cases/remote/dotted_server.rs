use pitaya::{Bytes, Result, remote};

#[remote(server = "a.b")]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
