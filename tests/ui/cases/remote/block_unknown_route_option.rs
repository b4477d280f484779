use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
impl Board {
    #[route(code = 7)]
    async fn best(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {}
