use pitaya::{Bytes, Result, remote};

#[remote]
pub unsafe trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
