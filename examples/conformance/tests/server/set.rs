//! Sets of conformance servers that are one cluster over a real etcd and NATS.

use std::time::{Duration, Instant};

use cluster_tests::etcd::Etcd;
use cluster_tests::nats::Nats;
use interop_tests::Go;
use tokio::process::Command;
use tokio::time::sleep;

use crate::dialect::{Dialect, response};
use crate::players::{Player, Transport};
use crate::process::{DEADLINE, Ports, Server, command};

/// What a cluster's servers have in common.
pub(crate) struct Bus {
    pub(crate) etcd: Etcd,
    pub(crate) nats: Nats,
}

/// Whose server it is.
#[derive(Clone, Copy)]
pub(crate) enum Make {
    Rust,
    Go(&'static Go),
}

/// Which server of a set a client is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// One of two frontends of type `connector`.
    Connector(usize),
    /// The frontend of type `gate`.
    Other,
}

pub(crate) const CONNECTORS: [Gate; 2] = [Gate::Connector(0), Gate::Connector(1)];

/// Two frontends of type `connector`, one of type `gate`, and a backend of type `game`, which all know
/// each other.
pub(crate) struct Set {
    pub(crate) dialect: Dialect,
    connectors: [Server; 2],
    gate: Server,
    _game: Server,
}

impl Bus {
    pub(crate) async fn start() -> Self {
        let (etcd, nats) = tokio::join!(Etcd::start(), Nats::start());
        Self { etcd, nats }
    }

    /// A server of the cluster with these flags that speaks this dialect.
    pub(crate) async fn server(&self, make: Make, dialect: Dialect, flags: &[&str]) -> Server {
        Server::run(|ports| self.command(make, dialect, flags, ports)).await
    }

    /// One of ours, with these environment variables besides.
    pub(crate) async fn server_with(&self, flags: &[&str], variables: &[(&str, &str)]) -> Server {
        let command = |ports| {
            let mut command = self.command(Make::Rust, Dialect::Json, flags, ports);
            command.envs(variables.iter().copied());
            command
        };
        Server::run(command).await
    }

    fn command(&self, make: Make, dialect: Dialect, flags: &[&str], ports: Ports) -> Command {
        let mut command = match make {
            Make::Rust => command(env!("CARGO_BIN_EXE_conformance")),
            Make::Go(go) => command(go.program("conformance")),
        };
        let [tcp, websocket] = ports.flags();
        command.arg(tcp).arg(dialect.flag()).args(flags);
        if matches!(make, Make::Rust) {
            command.arg(websocket);
        }
        command.envs(self.variables());
        command
    }

    /// What tells a server of the cluster.
    pub(crate) fn variables(&self) -> [(&'static str, String); 6] {
        [
            ("PITAYA_CLUSTER_SD_ETCD_ENDPOINTS", self.etcd.endpoint()),
            ("PITAYA_CLUSTER_RPC_CLIENT_NATS_CONNECT", self.nats.url()),
            ("PITAYA_CLUSTER_RPC_SERVER_NATS_CONNECT", self.nats.url()),
            // Go's servers compress unless they are told not to.
            ("PITAYA_HANDLER_MESSAGES_COMPRESSION", "false".to_owned()),
            // Nobody is closed for being silent while a busy machine holds a test up.
            ("PITAYA_HEARTBEAT_INTERVAL", "60s".to_owned()),
            (
                "PITAYA_CLUSTER_RPC_CLIENT_NATS_REQUESTTIMEOUT",
                "20s".to_owned(),
            ),
        ]
    }
}

impl Set {
    /// A set of our own servers.
    pub(crate) async fn ours(bus: &Bus, dialect: Dialect) -> Self {
        Self::start(bus, dialect, [Make::Rust; 2], Make::Rust).await
    }

    /// A set of these connectors and this backend; the other frontend is always ours.
    pub(crate) async fn start(
        bus: &Bus,
        dialect: Dialect,
        connectors: [Make; 2],
        game: Make,
    ) -> Self {
        // Sets of one bus do not see each other.
        let prefix = &*format!("-sdprefix={dialect:?}/");
        let gate = [prefix, "-type=gate"];
        let backend = [prefix, "-type=game", "-frontend=false"];
        let [first, second] = connectors;
        let (first, second, gate, game) = tokio::join!(
            bus.server(first, dialect, &gate[..1]),
            bus.server(second, dialect, &gate[..1]),
            bus.server(Make::Rust, dialect, &gate),
            bus.server(game, dialect, &backend),
        );
        let set = Self {
            dialect,
            connectors: [first, second],
            gate,
            _game: game,
        };
        for (gate, kind) in [
            (CONNECTORS[0], "game"),
            (CONNECTORS[1], "game"),
            (CONNECTORS[0], "gate"),
            (CONNECTORS[1], "gate"),
            (Gate::Other, "game"),
            (Gate::Other, "connector"),
        ] {
            let uid = format!("{gate:?}-to-{kind}");
            set.player(gate).await.binds_at_last(kind, &uid).await;
        }
        set
    }

    /// A client of a frontend.
    pub(crate) async fn player(&self, gate: Gate) -> Player {
        let server = match gate {
            Gate::Connector(which) => &self.connectors[which],
            Gate::Other => &self.gate,
        };
        server.player(Transport::Tcp).await
    }
}

impl Player {
    /// Binds through a server of this type.
    pub(crate) async fn binds(&mut self, kind: &str, uid: &str) {
        let route = format!("{kind}.testsvc.testbindid");
        let answer = self.call(1, &route, uid.as_bytes()).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(answer, response(1, b"ack"), "{kind} {uid}: {text}");
    }

    /// The same, as soon as the servers know each other: who binds elsewhere needs both directions.
    async fn binds_at_last(&mut self, kind: &str, uid: &str) {
        let route = format!("{kind}.testsvc.testbindid");
        let start = Instant::now();
        loop {
            let answer = self.call(1, &route, uid.as_bytes()).await;
            if answer == response(1, b"ack") {
                return;
            }
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert!(start.elapsed() < DEADLINE, "{kind} {uid}: {text}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Shows that nothing came before now: an answer comes first.
    pub(crate) async fn is_quiet(&mut self) {
        let route = "testsvc.testrequestreceivereturnsraw";
        assert_eq!(
            self.call(100, route, b"quiet").await,
            response(100, b"quiet")
        );
    }
}
