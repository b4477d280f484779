use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
    #[route(name = "best")]
    async fn first(&self) -> Result<Bytes>;
}

fn main() {}
