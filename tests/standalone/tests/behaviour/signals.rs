//! What signals do to a server: a process of its own.
#![cfg(unix)]

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use pitaya::protocol::packet::PacketType;
use rustix::process::{Pid, Signal, kill_process};
use standalone_tests::RawClient;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::support::in_time;

struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
}

impl Server {
    async fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_signalled"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let line = in_time(lines.next_line())
            .await
            .unwrap()
            .expect("it says where it listens");
        let address = line
            .strip_prefix("listening ")
            .expect("it listens")
            .parse()
            .unwrap();
        let mut server = Self {
            child,
            lines,
            log,
            address,
        };
        // It listens to signals from the moment in which it serves.
        server.client().await.call(1, "echo.echo", b"").await;
        server.expect("closed Disconnected").await;
        server
    }

    async fn client(&self) -> RawClient {
        RawClient::connect(self.address).await
    }

    fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id as i32))
            .expect("it runs");
        kill_process(pid, signal).expect("it takes signals");
    }

    async fn expect(&mut self, line: &str) {
        assert_eq!(
            in_time(self.lines.next_line()).await.unwrap().as_deref(),
            Some(line)
        );
    }

    /// The first line of this kind that is logged from now on.
    async fn logged(&mut self, start: &str) -> String {
        loop {
            let line = in_time(self.log.next_line()).await.unwrap();
            let line = line.expect("it still logs");
            if line.starts_with(start) {
                return line;
            }
        }
    }

    async fn ended(mut self) -> ExitStatus {
        self.expect("stopped").await;
        self.expect("ended").await;
        in_time(self.child.wait()).await.unwrap()
    }
}

#[tokio::test]
async fn sigterm_and_sigint_shut_down_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]).await;
        let mut client = server.client().await;
        client.call(1, "echo.echo", b"").await;
        server.signal(signal);
        assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
        server.expect("closed Shutdown").await;
        assert!(server.ended().await.success());
    }
}

#[tokio::test]
async fn sigusr1_logs_a_report_as_often_as_it_comes_also_in_a_drain() {
    let (mut server, mut client) = draining().await;
    for (id, bound) in [(2, 0), (3, 1)] {
        server.signal(Signal::USR1);
        let first = server.logged("game ").await;
        assert!(first.contains(", running, up "), "{first}");
        let connections = server.logged("connections: ").await;
        let open = format!("1 open ({bound} bound, 0 stalled)");
        assert!(connections.contains(&open), "{connections}");
        client.call(id, "echo.bind", b"anna").await;
    }
    drop(client);
    assert!(ended_at_last(server).await.success());
}

/// A server that has been told to end while this client was there, and says so to newcomers.
async fn draining() -> (Server, RawClient) {
    let server = Server::start(&["drain"]).await;
    let mut client = server.client().await;
    client.call(1, "echo.echo", b"").await;
    server.signal(Signal::TERM);
    let shut = async { while TcpStream::connect(server.address).await.is_ok() {} };
    in_time(shut).await;
    (server, client)
}

#[tokio::test]
async fn with_a_drain_sigterm_waits_for_the_clients_and_lets_nobody_in() {
    let (mut server, mut client) = draining().await;
    for id in 2..5 {
        assert_eq!(
            client.call(id, "echo.echo", b"still served").await.text(),
            "still served"
        );
    }
    drop(client);
    // Those that came while the listener was going away may have been let in, and have left.
    loop {
        let line = in_time(server.lines.next_line())
            .await
            .unwrap()
            .expect("it still speaks");
        match &*line {
            "closed Disconnected" => {}
            "stopped" => break,
            other => panic!("`{other}` was not expected"),
        }
    }
    server.expect("ended").await;
    assert!(in_time(server.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn a_second_signal_ends_a_drain() {
    let (server, mut client) = draining().await;
    server.signal(Signal::TERM);
    assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    let status = ended_at_last(server).await;
    assert!(status.success());
}

#[tokio::test]
async fn sigint_does_not_drain() {
    let mut server = Server::start(&["drain"]).await;
    let mut client = server.client().await;
    client.call(1, "echo.echo", b"").await;
    server.signal(Signal::INT);
    assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
    server.expect("closed Shutdown").await;
    assert!(server.ended().await.success());
}

/// Waits for the end, whoever else is told to have left before.
async fn ended_at_last(mut server: Server) -> ExitStatus {
    while let Some(line) = in_time(server.lines.next_line()).await.unwrap() {
        if line == "ended" {
            break;
        }
        assert!(line.starts_with("closed ") || line == "stopped", "{line}");
    }
    in_time(server.child.wait()).await.unwrap()
}
