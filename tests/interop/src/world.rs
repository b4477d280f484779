//! A cluster that Go and Rust servers share: an etcd and a NATS of its own.

use std::time::{Duration, Instant};

use cluster_tests::etcd::Etcd;
use cluster_tests::nats::Nats;
use pitaya::app::AppBuilder;
use pitaya::app::config::SerializerKind;
use pitaya::cluster::Cluster;
use pitaya::prelude::*;
use serde_json::json;

use crate::room::{Clerk, DeskServer, Room};
use crate::server::GoServer;
use crate::toolchain::Go;
use crate::{DEADLINE, Player};

/// The cluster, and what its servers are started with.
#[derive(Debug)]
pub struct World {
    /// The Go programs.
    pub go: &'static Go,
    /// What all servers speak with clients.
    pub serializer: SerializerKind,
    etcd: Etcd,
    nats: Nats,
}

impl World {
    /// A cluster without servers; `None` without a Go toolchain.
    pub async fn start(serializer: SerializerKind) -> Option<Self> {
        let go = Go::find()?;
        let (etcd, nats) = tokio::join!(Etcd::start(), Nats::start());
        Some(Self {
            go,
            serializer,
            etcd,
            nats,
        })
    }

    /// What Rust servers are configured with.
    pub fn config(&self) -> Config {
        let mut config = Config {
            serializer: self.serializer,
            ..Config::for_test()
        };
        config.cluster.etcd.endpoints = vec![self.etcd.endpoint()];
        config.cluster.etcd.heartbeat_ttl = Duration::from_secs(10);
        config.cluster.nats.client.link.connect = vec![self.nats.url()];
        config.cluster.nats.server.link.connect = vec![self.nats.url()];
        config
    }

    /// A Rust server with the services that a Go server has too.
    pub fn builder(&self, kind: &str) -> AppBuilder {
        App::builder(kind)
            .config(self.config())
            .handler(Room)
            .remote(DeskServer::new(Clerk))
            .cluster(Cluster::nats_etcd())
    }

    /// A Rust backend.
    pub async fn backend(&self, kind: &str) -> App {
        self.builder(kind).start().await.expect("the app starts")
    }

    /// A Rust frontend.
    pub async fn frontend(&self, kind: &str) -> App {
        let app = self
            .builder(kind)
            .acceptor(Tcp::bind("127.0.0.1:0"))
            .start()
            .await;
        app.expect("the app starts")
    }

    /// A Go backend.
    pub async fn go_backend(&self, kind: &str) -> GoServer {
        self.go_server(&["-type", kind]).await
    }

    /// A Go frontend.
    pub async fn go_frontend(&self, kind: &str) -> GoServer {
        self.go_server(&["-type", kind, "-frontend"]).await
    }

    /// A Go server with these flags.
    pub async fn go_server(&self, flags: &[&str]) -> GoServer {
        let (etcd, nats) = (self.etcd.endpoint(), self.nats.url());
        let mut all = vec!["-etcd", &etcd, "-nats", &nats];
        if self.serializer == SerializerKind::Protobuf {
            all.push("-protobuf");
        }
        all.extend_from_slice(flags);
        GoServer::start(self.go, &all).await
    }

    /// A Go client of a Rust frontend.
    pub async fn player(&self, app: &App) -> Player {
        Player::connect(
            self.go,
            app.local_addr(0).expect("a frontend has an address"),
        )
        .await
    }

    /// A Go client of a Go frontend.
    pub async fn go_player(&self, server: &GoServer) -> Player {
        Player::connect(self.go, server.address.expect("a frontend has an address")).await
    }
}

/// Waits until this Rust server knows exactly so many servers, itself included.
pub async fn knows(app: &App, servers: usize) {
    let start = Instant::now();
    while app.handle().directory().all().len() != servers {
        let known = app.handle().directory().all();
        assert!(
            start.elapsed() < DEADLINE,
            "{servers} servers were expected: {known:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The same of a Go server.
pub async fn go_knows(server: &mut GoServer, servers: usize) {
    let start = Instant::now();
    loop {
        let known = server
            .command(json!({"op": "servers"}))
            .await
            .expect("it knows its list");
        if known.as_array().is_some_and(|known| known.len() == servers) {
            return;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "{servers} servers were expected: {known}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
