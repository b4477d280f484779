use pitaya::{Bytes, Result, remote};

pub struct Board<T>(T);

#[remote]
impl<T> Board<T> {
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
