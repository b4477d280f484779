use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn best(&self, _: Box<Self>) -> Result<Bytes>;
}

fn main() {}
