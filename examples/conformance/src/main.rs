//! The conformance server: the handlers that suites and load tests written for the original Pitaya
//! expect, on nothing but the public interface of this one.
//!
//! ```sh
//! cargo run --release -p conformance -- -standalone -port 32222
//! cargo run --release -p conformance -- -type connector -port 32222
//! cargo run --release -p conformance -- -type game -frontend=false
//! ```
//!
//! Without `-standalone` it is a server of a cluster over NATS and etcd, together with all others of the
//! same `-sdprefix`. Where these are is configuration (`PITAYA_CLUSTER_SD_ETCD_ENDPOINTS`,
//! `PITAYA_CLUSTER_RPC_CLIENT_NATS_CONNECT`, `PITAYA_CLUSTER_RPC_SERVER_NATS_CONNECT`).
//!
//! Flags are Go style (`-name value`, `-name=value`); `-help` lists them. Settings come from the
//! environment (`PITAYA_HANDLER_MESSAGES_COMPRESSION=true`) and a `pitaya.*` file as everywhere.
//! When clients can connect, standard error has a line with `all modules started!`.

mod flags;
mod messages;
mod remote;
mod service;

use std::io::IsTerminal;
use std::process::ExitCode;

use pitaya::acceptor::ProxyProtocol;
use pitaya::app::AppBuilder;
use pitaya::app::config::{SerializerKind, Sources};
use pitaya::cluster::Cluster;
use pitaya::tls::ServerTls;
use pitaya::{App, Tcp, WebSocket};
use tracing::Level;

use crate::flags::{Flags, Refusal};
use crate::remote::TestRemoteSvc;
use crate::service::{JsonOnly, JsonOnlyRefused, TestSvc};

/// What Go's flag package ends a program with; used for whatever is asked of this one in vain.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args().skip(1)) {
        Ok(flags) => flags,
        Err(Refusal::Help) => {
            eprint!("{}", flags::usage());
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Mistake(text)) => {
            eprint!("{text}\n{}", flags::usage());
            return ExitCode::from(USAGE);
        }
    };
    if let Some(text) = flags.unavailable() {
        eprintln!("{text}");
        return ExitCode::from(USAGE);
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(if flags.debug {
            Level::DEBUG
        } else {
            Level::INFO
        })
        .init();
    match app(&flags).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn app(flags: &Flags) -> AppBuilder {
    let (serializer, prefix) = (flags.serializer, flags.sd_prefix.clone());
    let sources = Sources::process().edit(move |config| {
        config.serializer = serializer;
        if let Some(prefix) = prefix {
            config.cluster.etcd.prefix = prefix;
        }
    });
    let mut app = App::builder(&flags.server_type)
        .config_from(sources)
        .handler_with(TestSvc::start)
        .remote(TestRemoteSvc);
    // A service that the app's serializer cannot carry would keep the app from starting.
    app = match serializer {
        SerializerKind::Json => app.handler(JsonOnly),
        SerializerKind::Protobuf => app.handler(JsonOnlyRefused),
    };
    if !flags.standalone {
        app = app.cluster(Cluster::nats_etcd());
    }
    if flags.frontend {
        let mut tcp = Tcp::bind(format!(":{}", flags.port));
        if flags.proxy_protocol {
            tcp = tcp.proxy_protocol(ProxyProtocol::Required);
        }
        app = app.acceptor(tcp);
        if flags.ws_port != 0 {
            app = app.acceptor(WebSocket::bind(format!(":{}", flags.ws_port)));
        }
        if let Some(tls) = &flags.tls {
            let pair = ServerTls::files(&tls.certificate, &tls.key);
            app = app.acceptor(Tcp::bind(format!(":{}", tls.port)).tls(pair));
        }
    }
    app
}
