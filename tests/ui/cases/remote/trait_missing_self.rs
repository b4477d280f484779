use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn best() -> Result<Bytes>;
}

fn main() {}
