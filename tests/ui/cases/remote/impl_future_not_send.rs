use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
pub trait Scores {
    async fn best(&self) -> Result<Bytes>;
}

#[remote]
impl Scores for Board {
    async fn best(&self) -> Result<Bytes> {
        let rc = std::rc::Rc::new(());
        std::future::ready(()).await;
        drop(rc);
        Ok(Bytes::new())
    }
}

fn main() {}
