//! User-space instructions per request and per push, counted by callgrind.
//!
//! A script runs twice against a fresh server, once longer; the difference divided by the units is free of start,
//! connecting and end. Requests wait in their sockets before the server runs, so that it takes the same turns in
//! every run: counts repeat to about 1 %.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::{
    child::{Child, Under},
    generator::Connection,
    load::{Burst, Group, establish},
    report::{COUNT_HEAD, Count},
    server::Subject,
    wire::{Transport, Wire},
};

const CONNECTIONS: usize = 64;
const MEMBERS: usize = 500;

/// The limits that this repository holds itself to, by transport and script.
#[derive(Deserialize)]
#[serde(transparent)]
struct Limits(BTreeMap<String, BTreeMap<String, u64>>);

#[derive(Clone, Copy)]
enum Script {
    /// 64 connections, one request each at a time.
    Unpipelined,
    /// 64 connections, 16 requests each at a time.
    Pipelined,
    /// A push to a group of 500.
    Push,
}

impl Script {
    const ALL: [Self; 3] = [Self::Unpipelined, Self::Pipelined, Self::Push];

    fn name(self) -> &'static str {
        match self {
            Self::Unpipelined => "unpipelined",
            Self::Pipelined => "pipelined",
            Self::Push => "push",
        }
    }

    /// Rounds of the shorter and the longer run, and units in one round.
    fn sizes(self) -> (usize, usize, usize) {
        match self {
            Self::Unpipelined => (20, 140, CONNECTIONS),
            Self::Pipelined => (5, 25, CONNECTIONS * 16),
            Self::Push => (5, 85, MEMBERS),
        }
    }

    /// Answers the connections, to be closed after the server has ended: how many closings it would still see
    /// before its end is a matter of luck.
    fn run<'a>(self, rounds: usize, server: &Child, wire: &'a Wire) -> Result<Vec<Connection<'a>>> {
        match self {
            Self::Unpipelined => burst(1, rounds, server, wire),
            Self::Pipelined => burst(16, rounds, server, wire),
            Self::Push => {
                let mut group = Group::gather(MEMBERS, server, wire)?;
                group.push(1, rounds)?;
                Ok(group.into_connections())
            }
        }
    }
}

fn burst<'a>(
    depth: usize,
    rounds: usize,
    server: &Child,
    wire: &'a Wire,
) -> Result<Vec<Connection<'a>>> {
    let mut connections = establish(CONNECTIONS, server, wire)?;
    Burst::new(wire, depth).send(&mut connections, server, rounds)?;
    Ok(connections)
}

/// Prints the counts of `ours` next to the floor's. Callgrind's files go to `keep`, if that is given.
///
/// # Errors
/// A count above its limit, or anything that keeps a count from being taken.
pub(crate) fn run(
    ours: Subject,
    transports: &[Transport],
    core: usize,
    keep: Option<&Path>,
) -> Result<()> {
    let Limits(limits) = toml::from_str(include_str!("../limits.toml")).context("limits.toml")?;
    println!("{COUNT_HEAD}");
    let mut above = Vec::new();
    for &transport in transports {
        for script in Script::ALL {
            let count = Count {
                name: script.name(),
                transport: transport.name(),
                floor: count(script, Subject::Floor, transport, core, keep)?,
                ours: count(script, ours, transport, core, keep)?,
                limit: limits
                    .get(transport.name())
                    .and_then(|scripts| scripts.get(script.name()))
                    .copied(),
            };
            println!("{count}");
            if !count.passes() {
                above.push(format!("{} {}", count.name, count.transport));
            }
        }
    }
    ensure!(
        above.is_empty(),
        "more instructions than limits.toml allows: {}",
        above.join(", ")
    );
    Ok(())
}

/// Instructions per unit.
fn count(
    script: Script,
    subject: Subject,
    transport: Transport,
    core: usize,
    keep: Option<&Path>,
) -> Result<f64> {
    let (short, long, units) = script.sizes();
    let less = total(script, short, subject, transport, core, keep)?;
    let more = total(script, long, subject, transport, core, keep)?;
    let difference = more
        .checked_sub(less)
        .context("the longer run took fewer instructions")?;
    Ok(difference as f64 / ((long - short) * units) as f64)
}

/// Instructions of a whole run of the server.
fn total(
    script: Script,
    rounds: usize,
    subject: Subject,
    transport: Transport,
    core: usize,
    keep: Option<&Path>,
) -> Result<u64> {
    let counts = match keep {
        Some(folder) => {
            let (script, transport, subject) = (script.name(), transport.name(), subject.name());
            folder.join(format!("{script}-{transport}-{subject}-{rounds}.callgrind"))
        }
        None => std::env::temp_dir().join(format!("bench-{}.callgrind", std::process::id())),
    };
    let wire = Wire::new(transport);
    let result = (|| {
        let server = Child::spawn(subject, transport, core, Under::Callgrind(&counts))?;
        let connections = script.run(rounds, &server, &wire)?;
        server.wait_until_at_rest()?;
        server.finish()?;
        drop(connections);
        parse_total(&fs::read_to_string(&counts).context("valgrind left no counts")?)
    })();
    if keep.is_none() {
        // Absent if the run failed.
        let _ = fs::remove_file(&counts);
    }
    result.with_context(|| {
        format!(
            "{} over {} against the {} server",
            script.name(),
            transport.name(),
            subject.name()
        )
    })
}

fn parse_total(counts: &str) -> Result<u64> {
    let line = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals:"))
        .context("no totals in valgrind's counts")?;
    line.trim()
        .parse()
        .with_context(|| format!("not a number of instructions: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_valgrinds_file() {
        assert_eq!(
            parse_total("version: 1\nevents: Ir\nfn=(1)\n12 3\ntotals: 123456\n").unwrap(),
            123_456
        );
        assert!(parse_total("events: Ir\n").is_err());
    }

    #[test]
    fn every_limit_belongs_to_a_script() {
        let Limits(limits) = toml::from_str(include_str!("../limits.toml")).unwrap();
        for (transport, scripts) in limits {
            Transport::from_name(&transport).unwrap();
            for name in scripts.keys() {
                assert!(
                    Script::ALL.iter().any(|script| script.name() == name),
                    "{name}"
                );
            }
        }
    }
}
