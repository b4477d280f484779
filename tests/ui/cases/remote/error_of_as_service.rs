use pitaya::{AppHandle, Bytes, Error, Result, remote};

pub enum Full {
    Full,
}

impl From<Full> for Error {
    fn from(Full::Full: Full) -> Self {
        Self::msg("full")
    }
}

#[remote(server = "account")]
pub trait Scores {
    async fn best(&self) -> Result<Bytes, Full>;
}

pub fn service(app: &AppHandle) {
    let _ = ScoresClient::new(app).as_service();
}

fn main() {}
