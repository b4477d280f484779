use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

#[remote(server = "account")]
impl Scores for Board {
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
