//! The client library: for bots, tools, load tests, and the tests of a game.
//!
//! ```sh
//! cargo run --release -p client-library
//! ```
//!
//! Starts a small server in this process, plays against it and prints what happens.

use std::sync::atomic::{AtomicI64, Ordering};

use pitaya::client::{Client, DisconnectReason, Error as ClientError};
use pitaya::prelude::*;

#[message]
#[derive(Debug, PartialEq)]
struct Amount {
    value: i64,
}

#[derive(Default)]
struct Counter {
    value: AtomicI64,
}

/// Beside the service, `#[handler]` makes a typed client of it: `CounterHandlerClient`.
#[handler]
impl Counter {
    /// Adds an amount, and pushes the new value before it answers.
    async fn add(&self, ctx: &Context<'_>, by: Amount) -> Result<Amount> {
        if by.value < 0 {
            return Err(
                Error::new("COUNT-1", "only up").with_metadata("value", by.value.to_string())
            );
        }
        let value = self.value.fetch_add(by.value, Ordering::Relaxed) + by.value;
        let value = Amount { value };
        ctx.session().push("onChange", &value).await?;
        Ok(value)
    }

    async fn reset(&self) {
        self.value.store(0, Ordering::Relaxed);
    }

    async fn bye(&self, ctx: &Context<'_>) {
        ctx.session().kick().await.unwrap();
    }
}

/// Starts the server on free ports: TCP first, then WebSocket.
async fn serve() -> Result<App> {
    let app = App::builder("counter")
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .handler(Counter::default());
    Ok(app.start().await?)
}

/// Methods have the handler's names, arguments and answers; what the server doesn't have doesn't
/// compile.
async fn typed(server: &App) -> Result<()> {
    let address = server.local_addr(0).ok_or("no address")?;
    let counter = CounterHandlerClient::connect(address).await?;

    // Pushes of one route, decoded. Ask before they come: earlier ones wait only a while.
    let mut changes = counter.client().on::<Amount>("onChange");
    println!("typed: {:?}", counter.add(&Amount { value: 2 }).await?);
    println!("typed: {:?}", counter.add(&Amount { value: 3 }).await?);
    for _ in 0..2 {
        println!("typed: push {:?}", changes.next().await);
    }

    // An error that the server answers keeps its code, text and metadata.
    match counter.add(&Amount { value: -1 }).await {
        Err(ClientError::Server(error)) => {
            println!("typed: {} {error} {:?}", error.code(), error.metadata());
        }
        other => println!("typed: not refused: {other:?}"),
    }
    Ok(())
}

/// A client that knows no types: routes are texts, bodies are bytes. This one comes by WebSocket.
async fn raw(server: &App) -> Result<DisconnectReason> {
    let address = server.local_addr(1).ok_or("no address")?;
    let client = Client::builder()
        .platform("tool")
        .client_version("1.0")
        .user("language", "en") // the server finds it in `session.handshake()`
        .connect(format!("ws://{address}/"))
        .await?;
    println!("raw: the server speaks {:?}", client.serializer());

    client.notify_raw("counter.reset", "").await?;
    let answer = client.request_raw("counter.add", r#"{"value":1}"#).await?;
    println!("raw: {}", String::from_utf8_lossy(&answer));

    // Every push of every route; a clone of the client shares the connection.
    let mut pushes = client.pushes();
    let watcher = tokio::spawn(async move {
        while let Some(push) = pushes.next().await {
            println!(
                "raw: push {} {}",
                push.route,
                String::from_utf8_lossy(&push.body)
            );
        }
    });
    // Ends the stream above as well. A client never reconnects by itself: the reason says whether
    // that would make sense.
    client.notify_raw("counter.bye", "").await?;
    let reason = client.closed().await;
    watcher.await.internal()?;
    println!("raw: {reason}");
    Ok(reason)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let server = serve().await?;
    typed(&server).await?;
    raw(&server).await?;
    server.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_runs_to_its_end() {
        let server = serve().await.unwrap();
        typed(&server).await.unwrap();
        assert_eq!(raw(&server).await.unwrap(), DisconnectReason::Kicked);
        server.shutdown().await;
    }

    #[tokio::test]
    async fn pushes_and_errors_arrive_as_sent() {
        let server = serve().await.unwrap();
        let counter = CounterHandlerClient::connect(server.local_addr(0).unwrap())
            .await
            .unwrap();
        let mut changes = counter.client().on::<Amount>("onChange");
        for (by, sum) in [(2, 2), (3, 5)] {
            assert_eq!(
                counter.add(&Amount { value: by }).await.unwrap(),
                Amount { value: sum }
            );
            assert_eq!(
                changes.next().await.unwrap().unwrap(),
                Amount { value: sum }
            );
        }
        let refused = Error::from(counter.add(&Amount { value: -1 }).await.unwrap_err());
        assert_eq!((refused.code(), refused.message()), ("COUNT-1", "only up"));
        assert_eq!(
            refused.metadata().get("value").map(String::as_str),
            Some("-1")
        );
        server.shutdown().await;
    }
}
