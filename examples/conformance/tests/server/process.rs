//! Starts the real program and waits until it says that it runs.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::players::{Player, Transport};

/// How long a test waits for what must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A conformance server; killed with the value.
pub(crate) struct Server {
    child: Child,
    ports: Ports,
    /// What it has written to standard error, when that has ended.
    log: JoinHandle<String>,
}

impl Server {
    /// Starts one that stands alone.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[]).await
    }

    /// Starts one that stands alone with these environment variables.
    pub(crate) async fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let own = |ports: Ports| {
            let mut command = command(env!("CARGO_BIN_EXE_conformance"));
            command
                .arg("-standalone")
                .args(ports.flags())
                .args(flags)
                .envs(variables.iter().copied());
            command
        };
        Self::run(own).await
    }

    /// Starts what `command` makes of two free ports, and waits until it says that it runs.
    pub(crate) async fn run(command: impl Fn(Ports) -> Command) -> Self {
        // A port that was free may be taken by somebody else before the server has it.
        for _ in 0..5 {
            let ports = Ports::free();
            let mut child = command(ports)
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let stderr = child.stderr.take().expect("standard error is piped");
            let mut lines = BufReader::new(stderr).lines();
            let mut log = String::new();
            let running = async {
                while let Some(line) = lines.next_line().await.expect("the log is text") {
                    log.push_str(&line);
                    log.push('\n');
                    if line.contains("all modules started!") {
                        return true;
                    }
                }
                false
            };
            if timeout(DEADLINE, running).await.expect("it starts or ends") {
                let log = tokio::spawn(async move {
                    while let Ok(Some(line)) = lines.next_line().await {
                        log.push_str(&line);
                        log.push('\n');
                    }
                    log
                });
                return Self { child, ports, log };
            }
            assert!(log.contains("in use"), "the server ends at once:\n{log}");
        }
        panic!("no free port stays free");
    }

    /// Where it listens.
    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Tcp => self.ports.tcp,
            Transport::WebSocket => self.ports.ws,
        }
    }

    /// A client that has shaken hands.
    pub(crate) async fn player(&self, transport: Transport) -> Player {
        Player::connect(self.address(transport), transport).await
    }

    /// Sends a signal, then waits for the end: how it ended and what it had logged.
    pub(crate) async fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(pid.expect("it still runs"), signal).expect("it can be signalled");
        let status = timeout(DEADLINE, self.child.wait()).await.expect("it ends");
        (
            status.expect("its end is seen"),
            self.log.await.expect("the log is read"),
        )
    }
}

/// Runs the program to its end: exit code and standard error.
pub(crate) async fn run(flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = command(env!("CARGO_BIN_EXE_conformance"))
        .args(flags)
        .envs(variables.iter().copied())
        .output();
    let output = timeout(DEADLINE, output)
        .await
        .expect("it ends")
        .expect("it starts");
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("the log is text"),
    )
}

/// A program, without what the tests' own environment may say of it.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let ours =
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PITAYA_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command.kill_on_drop(true);
    command
}

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) tcp: SocketAddr,
    ws: SocketAddr,
}

impl Ports {
    fn free() -> Self {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let (one, other) = (bind(), bind());
        let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
        Self {
            tcp: address(&one),
            ws: address(&other),
        }
    }

    /// What tells the program of them.
    pub(crate) fn flags(self) -> [String; 2] {
        [
            format!("-port={}", self.tcp.port()),
            format!("-wsport={}", self.ws.port()),
        ]
    }
}
