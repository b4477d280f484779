use pitaya::{message, remote};

#[message]
pub struct Score;

#[remote]
pub trait Scores {
    async fn best(&self) -> Score;
}

fn main() {}
