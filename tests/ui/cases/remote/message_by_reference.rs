use pitaya::{Bytes, Result, message, remote};

#[message]
pub struct Score;

#[remote]
pub trait Scores {
    async fn add(&self, req: &Score) -> Result<Bytes>;
}

fn main() {}
