//! Chat rooms in a browser, served by one program that needs no other server:
//!
//! ```sh
//! cargo run --release -p chat
//! ```
//!
//! Open the address it prints in two windows and talk. `room.rs` is the game server: messages,
//! rooms, who sits where. `page.rs` hands out the page in `web/`, which speaks to it over WebSocket.
//! With `-- --page 0.0.0.0:3250` behind the command, phones in the same network get in too.

mod page;
mod room;

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use pitaya::{App, WebSocket};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use room::Room;

/// The first part of this server's routes: clients call `chat.room.join`.
const SERVER_TYPE: &str = "chat";

const PAGE: &str = "127.0.0.1:3250";
const SOCKET_PORT: u16 = 3251;

#[tokio::main]
async fn main() -> Result<()> {
    // `RUST_LOG=pitaya=debug` shows more.
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .init();

    let (page, socket) = addresses(std::env::args().skip(1))?;
    let page = listen("--page", &page).await?;
    let page_addr = page.local_addr()?;
    let socket = socket.unwrap_or_else(|| SocketAddr::new(page_addr.ip(), SOCKET_PORT).to_string());
    let socket = listen("--socket", &socket).await?;
    tokio::spawn(page::serve(page, socket.local_addr()?.port()));
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

/// What `--page` and `--socket` say. Without them, the page is for this machine only, and the
/// WebSocket listens where the page does.
fn addresses(mut arguments: impl Iterator<Item = String>) -> Result<(String, Option<String>)> {
    let (mut page, mut socket) = (PAGE.to_owned(), None);
    while let Some(option) = arguments.next() {
        let address = arguments.next();
        match (option.as_str(), address) {
            ("--page", Some(address)) => page = address,
            ("--socket", Some(address)) => socket = Some(address),
            _ => bail!("usage: chat [--page HOST:PORT] [--socket HOST:PORT]"),
        }
    }
    Ok((page, socket))
}

async fn listen(option: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; {option} takes another address"))
}
