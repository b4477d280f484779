use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn best<T>(&self) -> Result<Bytes>;
}

fn main() {}
