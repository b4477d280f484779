//! A real nats-server, which a test can kill and restart.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use crate::DEADLINE;
use crate::process::{Process, free_port};

/// A running nats-server; killed when dropped.
#[derive(Debug)]
pub struct Nats {
    process: Option<Process>,
    port: u16,
    monitor_port: u16,
}

impl Nats {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        for _ in 0..5 {
            let mut nats = Self {
                process: None,
                port: free_port(),
                monitor_port: free_port(),
            };
            // Somebody else may have taken the port meanwhile.
            if nats.run().await {
                return nats;
            }
        }
        panic!("nats-server does not start (Debian package nats-server)");
    }

    /// `nats://host:port`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How many connections and subscriptions it has at the moment, its own included.
    pub async fn load(&self) -> (u64, u64) {
        let monitor = format!("127.0.0.1:{}", self.monitor_port);
        let seen: serde_json::Value =
            serde_json::from_str(&crate::http_get(&monitor, "/varz").await)
                .expect("nats-server answers JSON");
        let number = |name: &str| seen[name].as_u64().expect("a number");
        (number("connections"), number("subscriptions"))
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port; it remembers nothing.
    pub async fn restart(&mut self) {
        assert!(self.run().await, "nats-server does not come back");
    }

    /// A connection of one's own.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.expect("it runs")
    }

    /// A subscription that the server has seen when this returns.
    pub async fn subscribe(client: &async_nats::Client, subject: &str) -> async_nats::Subscriber {
        let subscriber = client
            .subscribe(subject.to_owned())
            .await
            .expect("a valid subject");
        let echo = client.new_inbox();
        let mut echoes = client
            .subscribe(echo.clone())
            .await
            .expect("a valid subject");
        client
            .publish(echo, "".into())
            .await
            .expect("it is connected");
        let came = tokio::time::timeout(DEADLINE, echoes.next()).await;
        came.expect("it comes back").expect("it is connected");
        subscriber
    }

    async fn run(&mut self) -> bool {
        self.process = None;
        // Debian puts it where only root looks.
        let debian = "/usr/sbin/nats-server";
        let program = if Path::new(debian).exists() {
            debian
        } else {
            "nats-server"
        };
        let mut command = Command::new(program);
        command
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--http_port", &self.monitor_port.to_string()]);
        let process = self.process.insert(Process::start(&mut command));
        let start = Instant::now();
        while process.is_running() && start.elapsed() < DEADLINE {
            if async_nats::connect(format!("nats://127.0.0.1:{}", self.port))
                .await
                .is_ok()
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}
