use pitaya::{remote};

#[remote]
pub trait Scores {
    async fn best(&self);
}

fn main() {}
