//! The servers of a small game, for tests that make trouble for whole clusters: type `gate` takes the players, type
//! `room` is behind it. Every body is text.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use pitaya::app::AppBuilder;
use pitaya::cluster::Cluster;
use pitaya::prelude::*;
use pitaya::{App, Tcp};

/// Where a server finds the others, and what it is configured with.
#[derive(Debug, Clone)]
pub struct Place {
    /// etcd's `host:port`.
    pub etcd: String,
    /// NATS's `nats://host:port`.
    pub nats: String,
    /// Where the other settings come from.
    pub settings: Settings,
    /// How long the record of a server that has vanished stays.
    pub lease: Duration,
}

/// Where settings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// What the library does when nobody configures anything.
    Usual,
    /// Times that a test can wait for.
    ForTest,
}

/// What everybody can ask a gate.
#[derive(Default)]
struct Gate {
    told: AtomicU64,
}

#[handler]
impl Gate {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn tell(&self, _body: Bytes) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    /// How many notifies came.
    async fn told(&self) -> Result<Bytes> {
        Ok(self.told.load(Ordering::Relaxed).to_string().into())
    }

    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }

    async fn sees(&self, ctx: &Context<'_>) -> Result<Bytes> {
        Ok(sees(ctx))
    }
}

/// What everybody can ask a room; it begins every answer with its own id.
#[derive(Default)]
struct Room {
    held: AtomicU64,
}

#[handler]
impl Room {
    async fn echo(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(format!("{} {}", ctx.app().server().id, text(&body)).into())
    }

    async fn tell(&self, _body: Bytes) {}

    /// Answers after some seconds, and does not hold up what comes behind it.
    #[route(concurrent)]
    async fn hold(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        self.held.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(4)).await;
        self.echo(ctx, body).await
    }

    /// How many `hold` have begun.
    async fn held(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let held = self.held.load(Ordering::Relaxed).to_string();
        self.echo(ctx, held.into()).await
    }

    /// Pushes the user's own name to it.
    async fn push(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        let sent = ctx.app().push_to_users("gate", [text(&uid)], "on", &uid);
        sent.await?.into_result()?;
        self.echo(ctx, uid).await
    }

    async fn sees(&self, ctx: &Context<'_>) -> Result<Bytes> {
        self.echo(ctx, sees(ctx)).await
    }
}

/// The ids of all servers that this one knows, sorted.
fn sees(ctx: &Context<'_>) -> Bytes {
    let servers = ctx.app().directory().all();
    let mut ids: Vec<_> = servers.iter().map(|server| server.id.clone()).collect();
    ids.sort();
    ids.join(" ").into()
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// A server of this type: `gate` or `room`.
fn builder(kind: &str, place: &Place) -> AppBuilder {
    let mut config = match place.settings {
        Settings::Usual => Config::default(),
        Settings::ForTest => Config::for_test(),
    };
    config.cluster.nats.client.link.connect = vec![place.nats.clone()];
    config.cluster.nats.server.link.connect = vec![place.nats.clone()];
    config.cluster.etcd.endpoints = vec![place.etcd.clone()];
    config.cluster.etcd.heartbeat_ttl = place.lease;
    let app = App::builder(kind)
        .config(config)
        .cluster(Cluster::nats_etcd());
    match kind {
        "gate" => app
            .acceptor(Tcp::bind("127.0.0.1:0"))
            .handler(Gate::default()),
        _ => app.handler(Room::default()),
    }
}

/// Starts a server in this process.
pub async fn start(kind: &str, place: &Place) -> App {
    let started = builder(kind, place).start().await;
    started.unwrap_or_else(|error| panic!("a {kind} does not start: {error}"))
}

/// The arguments that make a process of a server, for [`main`].
pub fn arguments(kind: &str, place: &Place) -> Vec<String> {
    let settings = match place.settings {
        Settings::Usual => "usual",
        Settings::ForTest => "for-test",
    };
    let lease = place.lease.as_millis().to_string();
    let arguments = ["server", kind, &place.etcd, &place.nats, settings, &lease];
    arguments.map(str::to_owned).into()
}

/// What a process says when its server runs.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The server's id.
    pub id: String,
    /// Where a gate takes players.
    pub address: Option<SocketAddr>,
}

impl Ready {
    /// Reads what a process has said.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (Some("ready"), Some(id)) = (words.next(), words.next()) else {
            return None;
        };
        let address = words.next().and_then(|address| address.parse().ok());
        Some(Self {
            id: id.to_owned(),
            address,
        })
    }
}

/// Is the server that the [`arguments`] behind `server` say, and runs until it is killed.
pub async fn main(mut arguments: impl Iterator<Item = String>) {
    crate::logs();
    let mut next = || arguments.next().expect("see `game::arguments`");
    let (kind, etcd, nats) = (next(), next(), next());
    let settings = match next().as_str() {
        "usual" => Settings::Usual,
        _ => Settings::ForTest,
    };
    let lease = Duration::from_millis(next().parse().expect("milliseconds"));
    let place = Place {
        etcd,
        nats,
        settings,
        lease,
    };
    let app = start(&kind, &place).await;
    let id = &app.handle().server().id;
    match app.local_addr(0) {
        Some(address) => println!("ready {id} {address}"),
        None => println!("ready {id}"),
    }
    std::future::pending::<()>().await;
}
