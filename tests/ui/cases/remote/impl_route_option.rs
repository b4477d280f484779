use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

#[remote]
impl Scores for Board {
    #[route(name = "first")]
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
