use pitaya::{Bytes, Json, Result, remote};

#[remote]
pub trait Scores {
    async fn add(&self, req: Json<u8>) -> Result<Bytes>;
}

fn main() {}
