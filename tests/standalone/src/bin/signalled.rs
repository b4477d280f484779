//! A server that tests send signals to: it says on its standard output what happens to it, and logs to its standard error.
//!
//! `drain` as the first argument: it waits for its sessions when it is asked to end.

use std::sync::Arc;
use std::time::Duration;

use pitaya::{App, AppHandle, Bytes, Component, Config, Context, Result, Tcp, handler};

struct Echo;

#[handler]
impl Echo {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    /// Binds the session, once.
    async fn bind(&self, ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        let uid = String::from_utf8_lossy(&body).into_owned();
        ctx.session().bind(uid).await?;
        Ok(body)
    }
}

struct Part;

impl Component for Part {
    async fn shutdown(&self, _: &AppHandle) -> Result<()> {
        println!("stopped");
        Ok(())
    }
}

/// Says where the server listens, when it does.
fn announce(app: &AppHandle, address: std::net::SocketAddr) {
    let app = app.clone();
    tokio::spawn(async move {
        while !app.is_running() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!("listening {address}");
    });
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let mut config = Config::for_test();
    config.session.drain.enabled = std::env::args().any(|argument| argument == "drain");
    config.session.drain.timeout = Duration::from_secs(600);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
    App::builder("game")
        .config(config)
        .acceptor(Tcp::from_listener(listener))
        .handler(Echo)
        .component(Arc::new(Part))
        .on_session_close(|_, reason| async move { println!("closed {reason:?}") })
        .post_build(move |app| async move {
            announce(&app, address);
            Ok(())
        })
        .run()
        .await?;
    println!("ended");
    Ok(())
}
