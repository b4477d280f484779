//! A real etcd of one node, which a test can kill, restart and empty.

use std::process::Command;
use std::time::{Duration, Instant};

use etcd_client::{Client, GetOptions};

use crate::DEADLINE;
use crate::process::{Folder, Process, free_port};

/// A running etcd; killed and removed when dropped.
#[derive(Debug)]
pub struct Etcd {
    process: Option<Process>,
    folder: Folder,
    client_port: u16,
    peer_port: u16,
}

impl Etcd {
    /// Starts an empty etcd and waits until it answers.
    pub async fn start() -> Self {
        for _ in 0..5 {
            let (client_port, peer_port) = (free_port(), free_port());
            let folder = Folder::new("pitaya-etcd");
            let mut etcd = Self {
                process: None,
                folder,
                client_port,
                peer_port,
            };
            // Somebody else may have taken a port meanwhile.
            if etcd.run().await {
                return etcd;
            }
        }
        panic!("etcd does not start (Debian package etcd-server)");
    }

    /// `host:port`.
    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Kills it as a power cut would. What it has stays on disk.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again, on the same ports, with what it had.
    pub async fn restart(&mut self) {
        assert!(self.run().await, "etcd does not come back");
    }

    /// Starts it again, on the same ports, with nothing.
    pub async fn restart_empty(&mut self) {
        self.kill();
        self.folder = Folder::new("pitaya-etcd");
        self.restart().await;
    }

    /// A client of one's own.
    pub async fn client(&self) -> Client {
        Client::connect([self.endpoint()], None)
            .await
            .expect("an address")
    }

    /// Every key below `prefix` with its value.
    pub async fn records(&self, prefix: &str) -> Vec<(String, String)> {
        let options = GetOptions::new().with_prefix();
        let read = self
            .client()
            .await
            .get(prefix, Some(options))
            .await
            .expect("etcd answers");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        read.kvs()
            .iter()
            .map(|record| (text(record.key()), text(record.value())))
            .collect()
    }

    /// How many watches and leases it has at the moment.
    pub async fn load(&self) -> (u64, u64) {
        let metrics = crate::http_get(&self.endpoint(), "/metrics").await;
        let watches = metrics
            .lines()
            .find_map(|line| line.strip_prefix("etcd_debugging_mvcc_watcher_total "));
        let watches = watches.and_then(|number| number.trim().parse().ok());
        let mut client = self.client().await.lease_client();
        let leases = client.leases().await.expect("etcd answers");
        let leases = leases.leases().len() as u64;
        (watches.expect("etcd counts its watches"), leases)
    }

    /// Writes a record that belongs to nobody.
    pub async fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        self.client()
            .await
            .put(key, value, None)
            .await
            .expect("etcd writes");
    }

    /// Deletes a record.
    pub async fn delete(&self, key: &str) {
        self.client()
            .await
            .delete(key, None)
            .await
            .expect("etcd deletes");
    }

    async fn run(&mut self) -> bool {
        self.process = None;
        let (client, peer) = (
            format!("http://127.0.0.1:{}", self.client_port),
            format!("http://127.0.0.1:{}", self.peer_port),
        );
        let mut command = Command::new("etcd");
        command
            .args([
                "--name",
                "test",
                "--initial-cluster",
                &format!("test={peer}"),
            ])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            // Short, so that it answers soon and leases may be short.
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .args(["--logger", "zap", "--log-level", "error", "--data-dir"])
            .arg(self.folder.path());
        let process = self.process.insert(Process::start(&mut command));
        let start = Instant::now();
        while process.is_running() && start.elapsed() < DEADLINE {
            let answer = async {
                let mut client = Client::connect([&client], None).await.ok()?;
                // What it says to strangers too, once users have passwords.
                client
                    .status()
                    .await
                    .ok()
                    .filter(|status| status.leader() != 0)
            };
            if let Ok(Some(_)) = tokio::time::timeout(Duration::from_secs(2), answer).await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}
