//! Three server types that find and call each other, all in this one process:
//!
//! ```sh
//! cargo run --release -p cluster
//! ```
//!
//! Clients know the `connector` only. What they send to `room.room.enter` or `room.room.roll` is
//! forwarded to one of two `room` servers, and these call an `account` server. Each of the four is an
//! app of its own that knows the others by the hub alone.
//!
//! On several machines the hub is replaced by NATS and etcd, and nothing else changes: start each
//! server with its type, as often as you like (`nats-server` and `etcd` run beside them; their
//! addresses are configuration, `pitaya.cluster.*`):
//!
//! ```sh
//! cargo run --release -p cluster -- account
//! cargo run --release -p cluster -- room
//! cargo run --release -p cluster -- connector
//! ```

mod accounts;
mod rooms;

use anyhow::{Context, Result, bail};
use pitaya::app::AppBuilder;
use pitaya::cluster::router::Sticky;
use pitaya::cluster::{Cluster, Hub};
use pitaya::{App, Tcp};
use tracing_subscriber::EnvFilter;

use accounts::{AccountsServer, Ledger};
use rooms::{Room, RoomHandlerClient};

/// Where the connector listens.
const ADDRESS: &str = "127.0.0.1:3250";

#[tokio::main]
async fn main() -> Result<()> {
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .init();

    match std::env::args().nth(1) {
        None => all_in_one_process().await,
        Some(kind) => one_of_many(&kind).await,
    }
}

async fn all_in_one_process() -> Result<()> {
    let game = Game::start(ADDRESS).await?;
    println!("The connector is at {}; Ctrl-C ends it.", game.address()?);
    game.play().await?;
    tokio::signal::ctrl_c().await?;
    game.stop().await;
    Ok(())
}

async fn one_of_many(kind: &str) -> Result<()> {
    let app = match kind {
        "account" => account(),
        "room" => room(),
        "connector" => connector(ADDRESS),
        _ => bail!("usage: cluster [account | room | connector]"),
    };
    app.cluster(Cluster::nats_etcd()).run().await?;
    Ok(())
}

fn account() -> AppBuilder {
    App::builder("account").remote(AccountsServer::new(Ledger::default()))
}

fn room() -> AppBuilder {
    App::builder("room").handler(Room)
}

fn connector(address: &str) -> AppBuilder {
    App::builder("connector")
        .acceptor(Tcp::bind(address))
        // A player stays in the room server they were given first.
        .route_to("room", Sticky)
}

/// The whole cluster.
struct Game {
    connector: App,
    backends: Vec<App>,
}

impl Game {
    async fn start(address: &str) -> Result<Self> {
        let hub = Hub::new();
        let start = async |app: AppBuilder| app.cluster(Cluster::local(&hub)).start().await;
        let backends = vec![
            start(account()).await?,
            start(room()).await?,
            start(room()).await?,
        ];
        let connector = start(connector(address)).await?;
        Ok(Self {
            connector,
            backends,
        })
    }

    fn address(&self) -> Result<std::net::SocketAddr> {
        self.connector
            .local_addr(0)
            .context("the connector has no address")
    }

    /// A player of our own, to see something happen.
    async fn play(&self) -> Result<()> {
        let ann = RoomHandlerClient::connect(self.address()?)
            .await?
            .at("room");
        let entered = ann.enter(&rooms::Enter { name: "ann".into() }).await?;
        for dice in 1..=3 {
            let purse = ann.roll(&rooms::Roll { dice }).await?;
            println!(
                "ann rolled {dice} dice on {} and has {} coins",
                entered.server, purse.coins
            );
        }
        Ok(())
    }

    async fn stop(self) {
        // The front door first: nobody sends anything to the others any more.
        self.connector.shutdown().await;
        for backend in self.backends.into_iter().rev() {
            backend.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use pitaya::client::Error;

    use super::*;

    #[tokio::test]
    async fn players_play_across_three_server_types() {
        let game = Game::start("127.0.0.1:0").await.unwrap();
        game.play().await.unwrap();

        let client = RoomHandlerClient::connect(game.address().unwrap())
            .await
            .unwrap();
        let ben = client.at("room");
        let refused = ben.roll(&rooms::Roll { dice: 1 }).await.unwrap_err();
        assert!(matches!(&refused, Error::Server(error) if error.message() == "enter first"));
        ben.enter(&rooms::Enter { name: "ben".into() })
            .await
            .unwrap();
        let mut purses = ben.client().on::<accounts::Purse>("onPurse");
        let purse = ben.roll(&rooms::Roll { dice: 2 }).await.unwrap();
        assert_eq!(purse.coins, 6);
        assert_eq!(purses.next().await.unwrap().unwrap().coins, 6);
        game.stop().await;
    }
}
