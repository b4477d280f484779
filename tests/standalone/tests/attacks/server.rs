//! The server under attack, and one behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use pitaya::acceptor::{Acceptor, ProxyProtocol};
use pitaya::app::AppBuilder;
use pitaya::cluster::{Cluster, Hub};
use pitaya::tls::ServerTls;
use pitaya::wrapper::RateLimit;
use pitaya::{App, Bytes, Config, Context, Result, Tcp, WebSocket, handler, message};
use tokio::sync::Semaphore;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The doors, in the order of their acceptors.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    Tcp,
    WebSocket,
    Tls,
    Wss,
    /// TCP behind a PROXY header.
    Proxied,
    /// WebSocket behind a PROXY header.
    ProxiedWebSocket,
    /// TCP, five packets in ten seconds.
    Limited,
    /// WebSocket for the path `/game` and one page, with low limits.
    Strict,
}

#[message]
struct Named {
    name: String,
}

/// What it serves.
pub(crate) struct Game {
    /// Holds `hold` back.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) notes: Arc<AtomicU64>,
}

#[handler]
impl Game {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn typed(&self, named: Named) -> Result<Named> {
        Ok(named)
    }

    async fn note(&self) {
        self.notes.fetch_add(1, Relaxed);
    }

    async fn much(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(&[b'm'; 32 * 1024]))
    }

    /// Overlaps with others until the test opens the gate.
    #[route(concurrent)]
    async fn hold(&self, body: Bytes) -> Result<Bytes> {
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
        Ok(body)
    }

    async fn bind(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let uid = String::from_utf8_lossy(&body).into_owned();
        ctx.session().bind(&*uid).await?;
        Ok(body)
    }
}

/// More than an attack of the others needs, with those who play.
pub(crate) const OF_ADDRESS: usize = 256;
pub(crate) const IN_A_SECOND: usize = 1000;
pub(crate) const FORWARDED: usize = 50;
pub(crate) const ROUTE: usize = 64;

/// Short where an attack waits for it; the rest are the defaults.
fn config() -> Config {
    let mut config = Config::for_test();
    let limits = &mut config.limits;
    limits.proxy_timeout = SECOND;
    limits.tls_timeout = SECOND;
    limits.upgrade_timeout = SECOND;
    limits.handshake.timeout = 2 * SECOND;
    limits.idle_timeout = 12 * SECOND;
    limits.bind_timeout = 15 * SECOND;
    limits.address_connections = OF_ADDRESS;
    limits.accept_rate = IN_A_SECOND;
    limits.forward.messages = FORWARDED;
    limits.route = ROUTE;
    limits.queued = 8 << 20;
    config.heartbeat.interval = 3 * SECOND;
    config.buffer.write_timeout = 4 * SECOND;
    config.buffer.messages = 100;
    config
}

/// What the server behind it serves.
struct Hall {
    gate: Arc<Semaphore>,
}

#[handler]
impl Hall {
    /// Holds its caller back until the test opens the gate.
    async fn enter(&self, body: Bytes) -> Result<Bytes> {
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
        Ok(body)
    }
}

pub(crate) fn backend(gate: Arc<Semaphore>, hub: &Hub) -> AppBuilder {
    App::builder("hall")
        .config(Config::for_test())
        .cluster(Cluster::local(hub))
        .handler(Hall { gate })
}

pub(crate) fn frontend(game: Game, tls: ServerTls, hub: &Hub) -> AppBuilder {
    let (bind, ws) = (
        || Tcp::bind("127.0.0.1:0"),
        || WebSocket::bind("127.0.0.1:0"),
    );
    let strict = ws()
        .paths(["/game"])
        .origins(["https://game.example"])
        .max_frame(4096)
        .max_message(16 * 1024);
    App::builder("connector")
        .config(config())
        .cluster(Cluster::local(hub))
        .handler(game)
        .acceptor(bind())
        .acceptor(ws())
        .acceptor(bind().tls(tls.clone()))
        .acceptor(ws().tls(tls))
        .acceptor(bind().proxy_protocol(ProxyProtocol::Required))
        .acceptor(ws().proxy_protocol(ProxyProtocol::Required))
        .acceptor(bind().wrap(RateLimit::new(5, 10 * SECOND)))
        .acceptor(strict)
}
