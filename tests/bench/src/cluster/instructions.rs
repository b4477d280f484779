//! User-space instructions that each side spends on a forwarded request, counted by callgrind, next to those of the
//! floor and the bus's client library.
//!
//! One side at a time runs under valgrind, the other as it is. How many messages come with one read is a matter of
//! luck, more so than without a bus: counts repeat to a few percent.

use std::path::Path;

use anyhow::Result;

use super::{pair, raw::Call};
use crate::{
    child::{Child, Place, Under},
    instructions::{Limits, none_above, per_unit, under_callgrind},
    load::{Burst, establish},
    report::{COUNT_HEAD, Count},
    server::Subject,
    wire::{Transport, Wire},
};

const CONNECTIONS: usize = 64;

/// How the rows' limits are headed in `limits.toml`.
pub(crate) const BUS: &str = "nats";

/// One row: a side, and how many requests of each of the connections are under way.
#[derive(Clone, Copy)]
struct Script {
    name: &'static str,
    side: Side,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Side {
    Frontend,
    Backend,
}

const SCRIPTS: [Script; 4] = [
    Script::new("frontend-64x1", Side::Frontend, 1),
    Script::new("frontend-64x16", Side::Frontend, 16),
    Script::new("backend-64x1", Side::Backend, 1),
    Script::new("backend-64x16", Side::Backend, 16),
];

/// The names of all rows.
#[cfg(test)]
pub(crate) fn counted() -> impl Iterator<Item = &'static str> {
    SCRIPTS.iter().map(|script| script.name)
}

/// Prints the counts. Callgrind's files go to `keep`, if that is given.
///
/// # Errors
/// A count above its limit, or anything that keeps a count from being taken.
pub(super) fn run(place: Place<'_>, keep: Option<&Path>) -> Result<()> {
    let limits = Limits::read()?;
    println!("the floor of a backend is the bus's client library alone\n\n{COUNT_HEAD}");
    let mut counts = Vec::new();
    for script in SCRIPTS {
        let count = Count {
            name: script.name,
            transport: BUS,
            floor: script.count_floor(place, keep)?,
            ours: script.count_ours(place, keep)?,
            limit: limits.of(BUS, script.name),
        };
        println!("{count}");
        counts.push(count);
    }
    none_above(&counts)
}

impl Script {
    const fn new(name: &'static str, side: Side, depth: usize) -> Self {
        Self { name, side, depth }
    }

    /// Rounds of the shorter and the longer run.
    fn rounds(self) -> (usize, usize) {
        (80 / self.depth, 320 / self.depth)
    }

    fn count(
        self,
        what: &str,
        keep: Option<&Path>,
        run: impl Fn(usize, Under<'_>) -> Result<()>,
    ) -> Result<f64> {
        let (short, long) = self.rounds();
        per_unit(short, long, CONNECTIONS * self.depth, |rounds| {
            let name = format!("{}-{what}-{rounds}", self.name);
            under_callgrind(&name, keep, |under| run(rounds, under))
        })
    }

    fn count_ours(self, place: Place<'_>, keep: Option<&Path>) -> Result<f64> {
        self.count("ours", keep, |rounds, under| match self.side {
            Side::Frontend => {
                let (front, back) = pair(place, under, Under::Nothing)?;
                self.burst(&front, rounds)?;
                front.finish()?;
                drop(back);
                Ok(())
            }
            Side::Backend => {
                let (front, back) = pair(place, Under::Nothing, under)?;
                self.burst(&front, rounds)?;
                back.finish()
            }
        })
    }

    /// What the same side does without the framework: answering clients and calling, or being called.
    fn count_floor(self, place: Place<'_>, keep: Option<&Path>) -> Result<f64> {
        let raw = self.count("raw", keep, |rounds, under| {
            let (caller, responder) = match self.side {
                Side::Frontend => (under, Under::Nothing),
                Side::Backend => (Under::Nothing, under),
            };
            let tcp = Transport::Tcp;
            let responder = Child::spawn(Subject::RawResponder, tcp, place, responder)?;
            let mut caller = Child::spawn(Subject::RawCaller, tcp, place, caller)?;
            let in_flight = CONNECTIONS * self.depth;
            caller.ask(&format!("{} {in_flight} {rounds}", Call::Forward.name()))?;
            caller.wait_until_at_rest()?;
            caller.finish()?;
            responder.wait_until_at_rest()?;
            responder.finish()
        })?;
        match self.side {
            Side::Backend => Ok(raw),
            Side::Frontend => {
                let floor = self.count("floor", keep, |rounds, under| {
                    let server = Child::spawn(Subject::Floor, Transport::Tcp, place, under)?;
                    self.burst(&server, rounds)?;
                    server.finish()
                })?;
                Ok(raw + floor)
            }
        }
    }

    fn burst(self, front: &Child, rounds: usize) -> Result<()> {
        let wire = Wire::forwarded(Transport::Tcp);
        let mut connections = establish(CONNECTIONS, front, &wire)?;
        Burst::new(&wire, self.depth).send(&mut connections, front, rounds)?;
        front.wait_until_at_rest()
    }
}
