use pitaya::{remote};

pub struct Board;

#[remote]
impl Board {
    async fn best(&self) {}
}

fn main() {}
