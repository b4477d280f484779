//! The app that these tests are clients of.

use std::time::Duration;

use bytes::Bytes;
use pitaya::acceptor::{self, Connector};
use pitaya::app::AppBuilder;
use pitaya::app::config::Config;
use pitaya::{App, Context, Error, Result, Session, Tcp, handler, message};
use standalone_tests::RawClient;
use tokio::io::DuplexStream;
use tokio::sync::watch;

/// The default configuration: a heartbeat each 10 s, which the tests count with.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

#[message]
pub(crate) struct Seat {
    pub(crate) seat: i32,
}

pub(crate) struct Play {
    /// Whose turn it is to be answered.
    turn: watch::Sender<u32>,
}

#[handler]
impl Play {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn sit(&self, seat: Seat) -> Result<Seat> {
        Ok(seat)
    }

    async fn note(&self, _body: Bytes) {}

    async fn nothing(&self) -> Result<Option<Seat>> {
        Ok(None)
    }

    async fn empty(&self) -> Result<Bytes> {
        Ok(Bytes::new())
    }

    async fn address(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let version: Option<String> = ctx.session().get("ipversion")?;
        Ok(version.unwrap_or_default().into())
    }

    /// Answers when it is this number's turn: the last one is first.
    #[route(concurrent)]
    async fn turn(&self, body: Bytes) -> Result<Bytes> {
        let text = String::from_utf8_lossy(&body);
        let number: u32 = text
            .parse()
            .map_err(|_| Error::msg("a number was expected"))?;
        let mut turns = self.turn.subscribe();
        if number == TURNS {
            self.turn.send_replace(number);
        }
        turns
            .wait_for(|turn| *turn == number)
            .await
            .expect("the sender is this service's");
        self.turn.send_replace(number - 1);
        Ok(body)
    }

    /// Pushes, waits, pushes again and answers.
    async fn push(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("onMessage", &body).await?;
        tokio::task::yield_now().await;
        ctx.session().push("onMembers", &body).await?;
        Ok(body)
    }

    async fn fail(&self, body: Bytes) -> Result<Bytes> {
        Err(Error::new(
            "GAME-1",
            String::from_utf8_lossy(&body).into_owned(),
        ))
    }

    async fn kick(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        ctx.session().push("onMessage", &body).await?;
        ctx.session().kick().await.unwrap();
        Ok(body)
    }

    /// Waits for its client to leave, beside other calls: a long poll.
    #[route(concurrent)]
    async fn poll(&self, ctx: &Context<'_>) -> Result<Bytes> {
        self.stay(ctx).await
    }

    /// Runs until its client is gone.
    async fn stay(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.closed().await;
        Ok(Bytes::new())
    }
}

/// How many clients wait for their turn.
pub(crate) const TURNS: u32 = 1000;

pub(crate) fn builder(config: Config) -> AppBuilder {
    let play = Play {
        turn: watch::Sender::new(0),
    };
    App::builder("connector").config(config).handler(play)
}

/// An app and connections to it in memory, for clocks that a test holds.
pub(crate) async fn in_memory(builder: AppBuilder) -> (App, Connector) {
    let (connector, acceptor) = acceptor::memory(1024 * 1024);
    (
        builder
            .acceptor(acceptor)
            .start()
            .await
            .expect("the app starts"),
        connector,
    )
}

/// An app on a TCP port, and a client that has shaken hands.
pub(crate) async fn on_tcp(builder: AppBuilder) -> (App, RawClient) {
    let app = builder
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .expect("the app starts");
    let client = RawClient::connect(app.local_addr(0).expect("TCP has an address")).await;
    (app, client)
}

/// A client in memory that has shaken hands.
pub(crate) async fn client(connector: &Connector) -> RawClient<DuplexStream> {
    let mut client = RawClient::over(connector.connect().expect("the app accepts"));
    client.shake_hands().await;
    client
}

/// The session of the only client.
pub(crate) fn only_session(app: &App) -> Session {
    let sessions = app.handle().sessions().all();
    assert_eq!(sessions.len(), 1);
    sessions.into_iter().next().expect("one session")
}
