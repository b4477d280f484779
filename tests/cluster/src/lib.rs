//! What the cluster suites share: real etcd and NATS servers on free ports, a cable that can be cut, waiting.

pub mod cable;
pub mod etcd;
pub mod faults;
pub mod game;
pub mod member;
pub mod nats;
pub mod process;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `done` says so; fails the test at the deadline.
pub async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < DEADLINE, "in {DEADLINE:?} not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a server on this machine answers to `GET path`; the body.
pub async fn http_get(address: &str, path: &str) -> String {
    let mut answer = String::new();
    let get = async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        socket.read_to_string(&mut answer).await
    };
    let got = tokio::time::timeout(DEADLINE, get).await;
    got.expect("it answers in time").expect("it answers");
    let (_head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    body.to_owned()
}

/// Everything that is logged by this thread as long as the second part lives.
pub fn capture_logs() -> (Logged, impl Sized) {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = subscriber.set_default();
    (logged, guard)
}

/// What was logged, as text.
#[derive(Debug, Clone, Default)]
pub struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// The lines that have this text in them.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8_lossy(&self.0.lock()).into_owned();
        let lines = all.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints what the library logs when `RUST_LOG` asks for it.
pub fn logs() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // A second test of the same process finds it done.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
}
