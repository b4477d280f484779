use pitaya::{Result, message, remote};

#[message(json)]
pub struct Score {
    points: i64,
}

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Score>;
}

fn main() {}
