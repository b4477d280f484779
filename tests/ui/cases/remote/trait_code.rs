use pitaya::{Bytes, Result, remote};

#[remote]
pub trait Scores {
    #[route(code = 7)]
    async fn best(&self) -> Result<Bytes>;
}

fn main() {}
