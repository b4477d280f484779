use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
impl Board {
    async fn best() -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
