//! The framework's own server for these loads: a plain user of the public interface, with struct validation and
//! metrics as they come. It must never do what a game's server would not.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use pitaya::{
    App, Config, Context, Tcp, WebSocket,
    app::{
        AppBuilder,
        config::{Conn, Heartbeat, RateLimiting},
    },
    handler, message,
    tls::ServerTls,
};

use crate::wire::{PUSH_ROUTE, Transport};

const SERVER_TYPE: &str = "connector";
pub(crate) const GROUP: &str = "everyone";

#[message]
pub(crate) struct Hello {
    pub(crate) msg: String,
}

#[message]
pub(crate) struct Answer {
    code: i32,
    pub(crate) msg: String,
}

pub(crate) struct Bench;

#[handler]
impl Bench {
    async fn echo(&self, _: &Context<'_>, hello: Hello) -> pitaya::Result<Answer> {
        Ok(hello.answer())
    }

    async fn join(&self, ctx: &Context<'_>, _: Hello) -> pitaya::Result<()> {
        let uid = ctx.session().id().to_string();
        ctx.session().bind(uid.as_str()).await?;
        ctx.app().groups().add_member(GROUP, &uid).await
    }

    async fn fanout(&self, ctx: &Context<'_>, hello: Hello) -> pitaya::Result<()> {
        let groups = ctx.app().groups();
        let delivery = groups
            .broadcast(SERVER_TYPE, GROUP, PUSH_ROUTE, &hello.answer())
            .await?;
        delivery.into_result()
    }
}

impl Hello {
    pub(crate) fn answer(self) -> Answer {
        Answer {
            code: 200,
            msg: self.msg,
        }
    }
}

/// Starts the server and answers its address; it runs until the process ends.
pub(crate) async fn start(frontend: AppBuilder) -> Result<SocketAddr> {
    let app = frontend.handler(Bench).start().await?;
    app.handle().groups().create(GROUP).await?;
    let address = app.local_addr(0).context("the acceptor has no address")?;
    tokio::spawn(app.run());
    Ok(address)
}

/// A server that takes clients on a free loopback port, without TLS.
pub(crate) fn frontend(transport: Transport, config: Config) -> Result<AppBuilder> {
    let builder = App::builder(SERVER_TYPE).config(config);
    Ok(match transport {
        Transport::Tcp => builder.acceptor(Tcp::bind("127.0.0.1:0")),
        Transport::WebSocket => builder.acceptor(WebSocket::bind("127.0.0.1:0")),
        Transport::Tls => bail!("this server has no certificate"),
    })
}

/// The same with TLS.
pub(crate) fn encrypted(tls: ServerTls) -> AppBuilder {
    let tcp = Tcp::bind("127.0.0.1:0").tls(tls);
    App::builder(SERVER_TYPE).config(config()).acceptor(tcp)
}

pub(crate) fn config() -> Config {
    Config {
        // Nothing of the loads is as long, so no heartbeat disturbs a count.
        heartbeat: Heartbeat {
            interval: Duration::from_secs(60),
        },
        conn: Conn {
            rate_limiting: RateLimiting {
                force_disable: true,
                ..RateLimiting::default()
            },
        },
        ..Config::default()
    }
}
