//! What the cluster suites share: real etcd and NATS servers on free ports, a cable that can be cut, waiting.

pub mod cable;
pub mod etcd;
pub mod faults;
pub mod game;
pub mod member;
pub mod nats;
pub mod process;

use std::time::{Duration, Instant};

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

/// Prints what the library logs when `RUST_LOG` asks for it.
pub fn logs() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // A second test of the same process finds it done.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
}
