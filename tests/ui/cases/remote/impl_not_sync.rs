use pitaya::{Bytes, Result, remote};

pub struct Board(std::cell::Cell<u8>);

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

#[remote]
impl Scores for Board {
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
