use pitaya::{Bytes, Result, remote};

pub struct Board(std::cell::Cell<u8>);

#[remote]
impl Board {
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
