use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
impl Board {
    async unsafe fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
