use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    #[route(skip)]
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
