//! The framework's own servers of a cluster, as a game would set them up: one type takes clients and forwards
//! their messages to the other. Discovery is the parent: it tells each server of the others.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use pitaya::{
    App, AppHandle, Config, RpcContext,
    app::AppBuilder,
    cluster::{Cluster, Directory, Discovery, Hub, ServerInfo},
    handler::BoxFuture,
    message::{AnyMessage, Codec, CodecError},
    remote,
};

use super::raw::{repeat, words};
use crate::{
    ours::{self, Answer, Bench, Hello},
    server::{Obey, Running},
    wire::Transport,
};

const BACKEND_TYPE: &str = "room";

pub(crate) async fn frontend(transport: Transport, bus: &str) -> Result<Running> {
    let peers = Peers::default();
    let builder = ours::frontend(transport, config(bus))?.cluster(Cluster::nats(peers.discovery()));
    running(builder.start().await?, Some(peers))
}

pub(crate) async fn backend(bus: &str) -> Result<Running> {
    let peers = Peers::default();
    let builder = room(config(bus)).cluster(Cluster::nats(peers.discovery()));
    running(builder.start().await?, Some(peers))
}

pub(crate) async fn counting_backend(bus: &str) -> Result<Running> {
    let (peers, codec) = (Peers::default(), Counting::default());
    let builder = room(config(bus)).cluster(Cluster::nats(peers.discovery()));
    let app = builder.codec(codec.clone()).start().await?;
    app.handle().groups().create(ours::GROUP).await?;
    let mut running = running(app, Some(peers))?;
    let obey = running.obey;
    running.obey = Box::new(move |line| {
        if line != "encodes" {
            return obey(line);
        }
        let count = codec.0.load(Ordering::Relaxed).to_string();
        Box::pin(async move { Ok(count) })
    });
    Ok(running)
}

pub(crate) async fn local(transport: Transport) -> Result<Running> {
    let hub = Hub::new();
    let room = room(ours::config())
        .cluster(Cluster::local(&hub))
        .start()
        .await?;
    tokio::spawn(room.run());
    let frontend = ours::frontend(transport, ours::config())?.cluster(Cluster::local(&hub));
    running(frontend.start().await?, None)
}

fn room(config: Config) -> AppBuilder {
    App::builder(BACKEND_TYPE)
        .config(config)
        .handler(Bench)
        .remote(EchoServer::new(Bench))
}

fn config(bus: &str) -> Config {
    let mut config = ours::config();
    let nats = &mut config.cluster.nats;
    nats.client.link.connect = vec![bus.to_owned()];
    nats.server.link.connect = vec![bus.to_owned()];
    // Under valgrind, with a thousand requests before it, one may take longer than five seconds.
    nats.client.request_timeout = Duration::from_secs(30);
    config
}

fn running(app: App, peers: Option<Peers>) -> Result<Running> {
    let handle = app.handle().clone();
    let record = handle.server().to_record();
    let address = app.local_addr(0);
    tokio::spawn(app.run());
    Ok(Running {
        address: address.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
        record,
        obey: obey(handle, peers),
    })
}

/// Obeys `know <record>` and `user <in flight> <rounds>`.
fn obey(app: AppHandle, peers: Option<Peers>) -> Obey {
    Box::new(move |line| {
        let (app, peers) = (app.clone(), peers.clone());
        Box::pin(async move {
            if let Some(record) = line.strip_prefix("know ") {
                peers.context("everybody is known here")?.add(record)?;
                return Ok("known".to_owned());
            }
            let ["user", in_flight, rounds] = words(&line)? else {
                bail!("not told what {line:?} is");
            };
            repeat(in_flight, rounds, move || call(app.clone())).await
        })
    })
}

async fn call(app: AppHandle) -> Result<()> {
    let hello = Hello {
        msg: "hello".to_owned(),
    };
    let answer = EchoClient::new(&app).echo(&hello).await?;
    ensure!(answer.msg == "hello", "a wrong answer");
    Ok(())
}

#[remote(server = "room")]
trait Echo {
    async fn echo(&self, ctx: &RpcContext<'_>, hello: Hello) -> pitaya::Result<Answer>;
}

#[remote]
impl Echo for Bench {
    async fn echo(&self, _: &RpcContext<'_>, hello: Hello) -> pitaya::Result<Answer> {
        Ok(hello.answer())
    }
}

/// Servers that the parent tells of.
#[derive(Clone, Default)]
struct Peers(Arc<OnceLock<Arc<Directory>>>);

impl Peers {
    fn discovery(&self) -> Arc<dyn Discovery> {
        Arc::new(self.clone())
    }

    fn add(&self, record: &str) -> Result<()> {
        let directory = self.0.get().context("discovery has not started")?;
        directory.add(ServerInfo::from_record(record.as_bytes())?);
        Ok(())
    }
}

impl Discovery for Peers {
    fn watch<'a>(
        &'a self,
        _: &'a ServerInfo,
        directory: Arc<Directory>,
    ) -> BoxFuture<'a, pitaya::Result<()>> {
        let kept = self.0.set(directory);
        let kept = kept.map_err(|_| pitaya::Error::msg("discovery has started before"));
        Box::pin(std::future::ready(kept))
    }

    fn register<'a>(&'a self, _: &'a ServerInfo) -> BoxFuture<'a, pitaya::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn deregister(&self) -> BoxFuture<'_, pitaya::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> BoxFuture<'_, pitaya::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_healthy(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(true))
    }
}

/// JSON that counts what it encodes.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU64>);

impl Codec for Counting {
    fn name(&self) -> &str {
        "json"
    }

    fn encode(&self, message: &dyn AnyMessage, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        message.encode_json(out)
    }

    fn decode(&self, body: &[u8], message: &mut dyn AnyMessage) -> Result<(), CodecError> {
        message.decode_json(body)
    }
}
