//! Chat rooms in a browser, served by one program that needs no other server:
//!
//! ```sh
//! cargo run --release -p chat
//! ```
//!
//! Open the address it prints in two windows and talk. `room.rs` is the game server: messages,
//! rooms, who sits where. `page.rs` hands out the page in `web/`, which speaks to it over WebSocket.
//! For phones in the same network: `cargo run --release -p chat -- --page 0.0.0.0:3250 --socket 0.0.0.0:3251`

mod page;
mod room;

use anyhow::{Context, Result, bail};
use pitaya::{App, WebSocket};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use room::Room;

/// The first part of this server's routes: clients call `chat.room.join`.
const SERVER_TYPE: &str = "chat";

#[tokio::main]
async fn main() -> Result<()> {
    // `RUST_LOG=pitaya=debug` shows more.
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .init();

    let (page, socket) = addresses(std::env::args().skip(1))?;
    let (page, socket) = (
        listen("--page", &page).await?,
        listen("--socket", &socket).await?,
    );
    let (page_addr, socket_addr) = (page.local_addr()?, socket.local_addr()?);
    tokio::spawn(page::serve(page, socket_addr.port()));
    // Listening on every address is no address to open.
    let host = match page_addr.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        ip if ip.is_ipv6() => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    println!("The chat is at http://{host}:{}/ now.", page_addr.port());
    println!("Open it in two windows and talk; Ctrl-C ends it.");

    App::builder(SERVER_TYPE)
        .acceptor(WebSocket::from_listener(socket))
        .handler(Room::default())
        .run()
        .await?;
    Ok(())
}

/// Where the page and the WebSocket listen: what `--page` and `--socket` say, or this machine only.
fn addresses(mut arguments: impl Iterator<Item = String>) -> Result<(String, String)> {
    let (mut page, mut socket) = ("127.0.0.1:3250".to_owned(), "127.0.0.1:3251".to_owned());
    while let Some(argument) = arguments.next() {
        let place = match argument.as_str() {
            "--page" => &mut page,
            "--socket" => &mut socket,
            _ => bail!("usage: chat [--page HOST:PORT] [--socket HOST:PORT]"),
        };
        *place = arguments
            .next()
            .with_context(|| format!("{argument} needs an address, for example 127.0.0.1:8080"))?;
    }
    Ok((page, socket))
}

async fn listen(option: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; {option} takes another address"))
}
