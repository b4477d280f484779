//! The server of the target: one service, times that no two of its events share.

use std::time::Duration;

use bytes::Bytes;
use pitaya::acceptor::{self, Connector};
use pitaya::{App, Config, Context, Result, handler};
use tokio::io::DuplexStream;
use tokio::time::sleep;

/// Longest body of a packet before the handshake, and after it.
pub(super) const HANDSHAKE_PACKET: usize = 256;
pub(super) const PACKET: usize = 1024;
/// Longest body when it is inflated.
pub(super) const INFLATED: usize = 4096;
pub(super) const HEARTBEAT: Duration = Duration::from_secs(100);
pub(super) const HANDSHAKE: Duration = Duration::from_millis(70_003);
/// How long the slow handler takes, and the one that runs beside others.
pub(super) const SLOW: Duration = Duration::from_millis(30_002);
pub(super) const BESIDE: Duration = Duration::from_millis(20_004);
/// The codes of routes.
pub(super) const CODES: [(&str, u16); 4] = [
    ("play.echo", 1),
    ("play.note", 2),
    ("play.slow", 3),
    ("play.beside", 4),
];

struct Play;

#[handler]
impl Play {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn note(&self, _body: Bytes) {}

    async fn slow(&self, body: Bytes) -> Result<Bytes> {
        sleep(SLOW).await;
        Ok(body)
    }

    #[route(concurrent)]
    async fn beside(&self, body: Bytes) -> Result<Bytes> {
        sleep(BESIDE).await;
        Ok(body)
    }

    async fn push(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("onPush", &body).await?;
        Ok(body)
    }
}

pub(super) struct Server {
    app: App,
    connector: Connector,
}

impl Server {
    pub(super) async fn start() -> Self {
        let mut config = Config::default();
        config.heartbeat.interval = HEARTBEAT;
        config.handler.compression = false;
        config.handler.grace = Duration::from_secs(60);
        config.limits.handshake.timeout = HANDSHAKE;
        config.limits.handshake.packet = HANDSHAKE_PACKET;
        config.limits.packet = PACKET;
        config.limits.inflated = INFLATED;
        let (connector, acceptor) = acceptor::memory(1024 * 1024);
        let app = App::builder("game")
            .config(config)
            .dictionary(CODES)
            .handler(Play)
            .acceptor(acceptor);
        let app = app.start().await.expect("the app starts");
        Self { app, connector }
    }

    pub(super) fn connect(&self) -> DuplexStream {
        self.connector.connect().expect("the app accepts")
    }

    pub(super) fn sessions(&self) -> usize {
        self.app.handle().sessions().count()
    }

    /// Pushes to the only client: whether there was one and it took the push.
    pub(super) async fn push(&self, body: &str) -> bool {
        let body = Bytes::from(body.to_owned());
        match self.app.handle().sessions().all().first() {
            Some(session) => session.push("onPush", &body).await.is_ok(),
            None => false,
        }
    }

    pub(super) async fn kick(&self) {
        for session in self.app.handle().sessions().all() {
            session.kick().await.expect("it is this server's session");
        }
    }

    pub(super) async fn stop(self) {
        self.app.shutdown().await;
    }
}
