use pitaya::{Bytes, Result, remote};

#[remote(servers = "account")]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
