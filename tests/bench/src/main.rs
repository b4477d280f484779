//! Measures a server under test next to the floor, a bare tokio server, on pinned cores: the server on the first
//! core, the load generator on the last.
//!
//! `cargo run --release -p bench` prints CPU per unit of work and bytes per idle connection, the servers taking
//! turns; `-- cluster` prints what calls between servers cost, over NATS and in one process, which needs a
//! nats-server; `-- instructions` counts instructions under valgrind and fails above `limits.toml`, `-- cluster
//! instructions` those of calls over NATS. Only loopback traffic.

mod child;
mod cluster;
mod cores;
mod floor;
mod generator;
mod instructions;
mod load;
mod ours;
mod report;
mod server;
mod tls;
mod wire;

use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    child::{Child, Place, Under},
    cores::Cores,
    load::{Load, Servers, measure},
    report::{Budget, ROW_HEAD, Row},
    server::Subject,
    wire::{Transport, Wire},
};

const USAGE: &str = "\
cargo run --release -p bench -- [cluster] [instructions] [options]

    --quick              a tenth of the work, three alternations
    --only <row>         only this row; may be repeated
    --transport <name>   tcp, ws, or tls, which has the rows connect and idle; may be repeated
    --alternations <n>   how often floor and server take turns
    --against <server>   what to compare with the floor
    --keep <folder>      leave callgrind's files there, for callgrind_annotate";

/// Files that a process needs besides its connections.
const SPARE_FILES: u64 = 500;

const ROWS: [(&str, Load, Budget); 7] = [
    (
        "64x1",
        Load::Echo {
            connections: 64,
            rounds: 1500,
        },
        Budget::PercentOfFloor(85.0),
    ),
    (
        "512x1",
        Load::Echo {
            connections: 512,
            rounds: 200,
        },
        Budget::PercentOfFloor(85.0),
    ),
    (
        "64x16",
        Load::Saturated {
            connections: 64,
            depth: 16,
            rounds: 600,
        },
        Budget::PercentOfFloor(50.0),
    ),
    (
        "fanout1",
        Load::Fanout {
            members: 500,
            in_flight: 1,
            rounds: 200,
        },
        Budget::PercentOfFloor(80.0),
    ),
    (
        "fanout4",
        Load::Fanout {
            members: 500,
            in_flight: 4,
            rounds: 100,
        },
        Budget::PercentOfFloor(200.0),
    ),
    (
        "connect",
        Load::Connect { batches: 100 },
        Budget::PercentOfFloor(90.0),
    ),
    (
        "idle",
        Load::Idle { connections: 9000 },
        Budget::Bytes(2048.0),
    ),
];

/// What TLS costs, beside a bare tokio-rustls server with the same configuration.
const TLS_ROWS: [(&str, Load, Budget); 2] = [
    (
        "connect",
        Load::Connect { batches: 60 },
        Budget::TimesFloor(1.15),
    ),
    (
        "idle",
        Load::Idle { connections: 3000 },
        Budget::TimesBytes(1.15),
    ),
];

fn rows(transport: Transport) -> &'static [(&'static str, Load, Budget)] {
    match transport {
        Transport::Tcp | Transport::WebSocket => &ROWS,
        Transport::Tls => &TLS_ROWS,
    }
}

struct Options {
    cluster: bool,
    instructions: bool,
    quick: bool,
    alternations: Option<usize>,
    only: Vec<String>,
    transports: Vec<Transport>,
    against: Subject,
    keep: Option<PathBuf>,
}

impl Options {
    fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == row)
    }

    fn alternations(&self) -> usize {
        self.alternations.unwrap_or(if self.quick { 3 } else { 7 })
    }
}

fn main() -> Result<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    if let ["serve", subject, transport, core, bus @ ..] = arguments.as_slice() {
        let core = core.parse().context("not a core")?;
        return server::run(
            Subject::from_name(subject)?,
            Transport::from_name(transport)?,
            core,
            bus.first().copied(),
        );
    }
    if arguments
        .iter()
        .any(|argument| ["-h", "--help"].contains(argument))
    {
        println!("{USAGE}");
        return Ok(());
    }
    let options = parse(&arguments)?;
    let cores = cores::choose()?;
    cores::pin(cores.generator)?;
    let files = cores::raise_open_files()?;
    if options.cluster {
        return cluster::run(&options, cores);
    }
    if options.instructions {
        let keep = options.keep.as_deref();
        return instructions::run(options.against, &options.transports, cores.server, keep);
    }
    compare(&options, cores, files)
}

fn parse(arguments: &[&str]) -> Result<Options> {
    let mut options = Options {
        cluster: false,
        instructions: false,
        quick: false,
        alternations: None,
        only: Vec::new(),
        transports: Vec::new(),
        against: Subject::Pitaya,
        keep: None,
    };
    let mut arguments = arguments.iter();
    while let Some(&argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .copied()
                .with_context(|| format!("{argument} needs a value\n\n{USAGE}"))
        };
        match argument {
            "cluster" => options.cluster = true,
            "instructions" => options.instructions = true,
            "--quick" => options.quick = true,
            "--alternations" => {
                options.alternations =
                    Some(value()?.parse().context("not a number of alternations")?)
            }
            "--only" => options.only.push(value()?.to_owned()),
            "--transport" => options.transports.push(Transport::from_name(value()?)?),
            "--against" => options.against = Subject::from_name(value()?)?,
            "--keep" => options.keep = Some(value()?.into()),
            _ => bail!("unknown argument {argument:?}\n\n{USAGE}"),
        }
    }
    ensure!(
        options.alternations != Some(0),
        "without an alternation there is nothing to print"
    );
    let rows = if options.cluster {
        cluster::names().collect::<Vec<_>>()
    } else {
        ROWS.map(|(name, ..)| name).to_vec()
    };
    for only in &options.only {
        ensure!(
            rows.contains(&only.as_str()),
            "no row {only:?}: one of {rows:?}"
        );
    }
    if options.transports.is_empty() {
        options.transports = if options.instructions {
            Transport::PLAIN.to_vec()
        } else {
            Transport::ALL.to_vec()
        };
    }
    ensure!(
        !options.instructions || !options.transports.contains(&Transport::Tls),
        "instructions are counted over tcp and ws"
    );
    Ok(options)
}

fn compare(options: &Options, cores: Cores, files: u64) -> Result<()> {
    let alternations = options.alternations();
    let started = Instant::now();
    println!(
        "{} on core {}, generator on core {}",
        options.against.name(),
        cores.server,
        cores.generator
    );
    if cores.server == cores.generator {
        println!("only one core: the generator's work disturbs the server's caches");
    }
    println!(
        "CPU of the server per request, delivery or connection; medians of {alternations} alternations\n\n{ROW_HEAD}"
    );
    for &transport in &options.transports {
        let wire = Wire::new(transport);
        for &(name, load, budget) in rows(transport) {
            if !options.wants(name) {
                continue;
            }
            let load = if options.quick {
                load.shortened(10)
            } else {
                load
            };
            let load = load.within(files.saturating_sub(SPARE_FILES));
            // A fresh server each time, so that one lucky layout of memory does not decide a row.
            let once = |subject| {
                let place = Place {
                    core: cores.server,
                    bus: None,
                };
                let server = Child::spawn(subject, transport, place, Under::Nothing)?;
                measure(load, Servers::alone(&server), &wire).with_context(|| {
                    format!(
                        "{name} over {} against the {} server",
                        transport.name(),
                        subject.name()
                    )
                })
            };
            let mut pairs = Vec::with_capacity(alternations);
            for turn in 0..alternations {
                // Who goes first changes, so that a drift of the machine's speed favours nobody.
                pairs.push(if turn.is_multiple_of(2) {
                    let floor = once(Subject::Floor)?;
                    (floor, once(options.against)?)
                } else {
                    let ours = once(options.against)?;
                    (once(Subject::Floor)?, ours)
                });
            }
            println!(
                "{}",
                Row {
                    name,
                    transport: transport.name(),
                    budget,
                    pairs
                }
            );
        }
    }
    println!("\n{:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
