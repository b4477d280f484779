use pitaya::{Result, remote};

pub struct Score;

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Score>;
}

fn main() {}
