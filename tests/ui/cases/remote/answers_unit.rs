use pitaya::{Result, remote};

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<()>;
}

fn main() {}
