use pitaya::{Bytes, Context, Result, remote};

#[remote]
pub trait Scores {
    async fn best(&self, ctx: &Context<'_>) -> Result<Bytes>;
}

fn main() {}
