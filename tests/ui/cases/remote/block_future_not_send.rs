use pitaya::{Bytes, Result, remote};

pub struct Board;

#[remote]
impl Board {
    async fn best(&self) -> Result<Bytes> {
        let rc = std::rc::Rc::new(());
        std::future::ready(()).await;
        drop(rc);
        Ok(Bytes::new())
    }
}

fn main() {}
