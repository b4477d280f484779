use pitaya::{Bytes, Result, RpcContext, remote};

#[remote]
pub trait Scores {
    async fn best(&self, ctx: &mut RpcContext<'_>) -> Result<Bytes>;
}

fn main() {}
