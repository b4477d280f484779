use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores<T> {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
