use pitaya::{Bytes, Result, remote};

pub struct Board;
pub struct Score;

#[remote]
impl Board {
    async fn add(&self, _: Score) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
