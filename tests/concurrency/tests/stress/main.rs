//! Many threads at once on what sessions of one app share.
#![allow(missing_docs)]

mod groups;
mod sessions;
mod unique;

use std::time::Duration;

use pitaya::acceptor::{self, Connector};
use pitaya::app::AppBuilder;
use pitaya::app::config::Config;
use pitaya::{App, AppHandle, Context, Result, Session, handler};
use standalone_tests::RawClient;
use tokio::io::DuplexStream;

/// Long past what anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

struct Lobby;

#[handler]
impl Lobby {
    async fn number(&self, ctx: &Context<'_>) -> Result<pitaya::Bytes> {
        Ok(ctx.session().id().to_string().into())
    }
}

fn builder() -> AppBuilder {
    let mut config = Config::for_test();
    // Time ends nothing here: the machine may be busy with other things.
    config.heartbeat.interval = Duration::from_secs(600);
    config.limits.handshake.timeout = Duration::from_secs(600);
    App::builder("game").config(config).handler(Lobby)
}

async fn start(builder: AppBuilder) -> (App, Connector) {
    let (connector, acceptor) = acceptor::memory(64 * 1024);
    let app = builder.acceptor(acceptor).start().await;
    (app.expect("the app starts"), connector)
}

/// A client that has shaken hands, and its session.
async fn join(connector: &Connector, app: &AppHandle) -> (RawClient<DuplexStream>, Session) {
    let mut client = RawClient::over(connector.connect().expect("the app accepts"));
    client.shake_hands().await;
    let number = client.call(1, "lobby.number", b"").await;
    let number = number.text().parse().expect("a number");
    let session = app.sessions().by_id(number).expect("it is connected");
    (client, session)
}

/// Waits until it holds, at most until the deadline.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
