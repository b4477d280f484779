//! The message bus: a nats-server of one's own on a free loopback port, on the load generator's core. Its own cost
//! is nobody's here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::child::DEADLINE;

/// A running nats-server; ends with its handle.
pub(crate) struct Broker {
    process: Child,
    pub(crate) url: String,
}

impl Broker {
    pub(crate) fn start() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("bench-nats-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let started = Self::start_in(&folder);
        // Only read once.
        let _ = fs::remove_dir_all(&folder);
        started
    }

    fn start_in(folder: &Path) -> Result<Self> {
        // Debian puts it where only root looks.
        let debian = Path::new("/usr/sbin/nats-server");
        let program = if debian.exists() {
            debian
        } else {
            Path::new("nats-server")
        };
        let process = Command::new(program)
            .args(["--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not run nats-server (Debian package `nats-server`)")?;
        let mut broker = Self {
            process,
            url: String::new(),
        };
        broker.url = broker.wait_for_url(folder)?;
        Ok(broker)
    }

    /// It writes down where it listens, once it does.
    fn wait_for_url(&mut self, folder: &Path) -> Result<String> {
        let start = Instant::now();
        loop {
            if let Some(url) = find_file(folder)?.and_then(|path| read_url(&path)) {
                return Ok(url);
            }
            ensure!(self.process.try_wait()?.is_none(), "nats-server has ended");
            ensure!(start.elapsed() < DEADLINE, "nats-server did not start");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn find_file(folder: &Path) -> Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(folder)?;
    entries.next().map(|entry| Ok(entry?.path())).transpose()
}

/// Nothing while the file is not written completely.
fn read_url(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (_, rest) = text.split_once("nats://")?;
    let (address, _) = rest.split_once('"')?;
    Some(format!("nats://{address}"))
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
