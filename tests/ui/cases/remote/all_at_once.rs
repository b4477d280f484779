use pitaya::{App, Bytes, Result, remote};

pub struct Score;

pub struct Board;

#[remote(sever = "account", name = "")]
pub trait Scores<T> {
    const LIMIT: u8;
    async fn best(self) -> Result<Bytes>;
    #[route(name = "worst.of.all")]
    fn worst(&self);
    async fn fine(&self) -> Result<Bytes>;
}

#[remote(name = "board", rename_all = "upper")]
impl Board {
    async fn add(&self, a: Bytes, _b: Bytes) -> Result<Bytes> {
        Ok(a)
    }
    async fn fine(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}

fn main() {
    // What a mistake leaves can still be used.
    let app = App::builder("account").remote(Board);
    let _ = app;
    let _ = ScoresClient::METHODS;
}
