//! User-space instructions per request and per push, counted by callgrind.
//!
//! A script runs twice against a fresh server, once longer; the difference divided by the units is free of start,
//! connecting and end. Requests wait in their sockets before the server runs, so that it takes the same turns in
//! every run: counts repeat to about 1 %.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::{
    child::{Child, Place, Under},
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
pub(crate) struct Limits(BTreeMap<String, BTreeMap<String, u64>>);

impl Limits {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(include_str!("../limits.toml")).context("limits.toml")
    }

    pub(crate) fn of(&self, transport: &str, script: &str) -> Option<u64> {
        self.0.get(transport)?.get(script).copied()
    }
}

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
    let limits = Limits::read()?;
    println!("{COUNT_HEAD}");
    let mut counts = Vec::new();
    for &transport in transports {
        for script in Script::ALL {
            let count = Count {
                name: script.name(),
                transport: transport.name(),
                floor: count(script, Subject::Floor, transport, core, keep)?,
                ours: count(script, ours, transport, core, keep)?,
                limit: limits.of(transport.name(), script.name()),
            };
            println!("{count}");
            counts.push(count);
        }
    }
    none_above(&counts)
}

/// An error that names the counts above their limits, if there are any.
pub(crate) fn none_above(counts: &[Count]) -> Result<()> {
    let above = counts
        .iter()
        .filter(|count| !count.passes())
        .map(|count| format!("{} {}", count.name, count.transport))
        .collect::<Vec<_>>();
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
    per_unit(short, long, units, |rounds| {
        total(script, rounds, subject, transport, core, keep)
    })
}

/// The difference of two runs, for each of the `units` of a round.
pub(crate) fn per_unit(
    short: usize,
    long: usize,
    units: usize,
    total: impl Fn(usize) -> Result<u64>,
) -> Result<f64> {
    let (less, more) = (total(short)?, total(long)?);
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
    let name = format!(
        "{}-{}-{}-{rounds}",
        script.name(),
        transport.name(),
        subject.name()
    );
    let wire = Wire::new(transport);
    let place = Place { core, bus: None };
    under_callgrind(&name, keep, |under| {
        let server = Child::spawn(subject, transport, place, under)?;
        let connections = script.run(rounds, &server, &wire)?;
        server.wait_until_at_rest()?;
        server.finish()?;
        drop(connections);
        Ok(())
    })
}

/// Instructions of the one process that `run` starts under what it is given, and ends in good order.
pub(crate) fn under_callgrind(
    name: &str,
    keep: Option<&Path>,
    run: impl FnOnce(Under<'_>) -> Result<()>,
) -> Result<u64> {
    let counts = match keep {
        Some(folder) => folder.join(format!("{name}.callgrind")),
        None => std::env::temp_dir().join(format!("bench-{}.callgrind", std::process::id())),
    };
    let result = run(Under::Callgrind(&counts)).and_then(|()| {
        parse_total(&fs::read_to_string(&counts).context("valgrind left no counts")?)
    });
    if keep.is_none() {
        // Absent if the run failed.
        let _ = fs::remove_file(&counts);
    }
    result.with_context(|| name.to_owned())
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
    use crate::cluster;

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
        let Limits(mut limits) = Limits::read().unwrap();
        for name in limits.remove(cluster::BUS).unwrap().keys() {
            assert!(cluster::counted().any(|counted| counted == *name), "{name}");
        }
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
