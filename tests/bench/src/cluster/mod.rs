//! What it costs to have another server do the work: over NATS, and inside one process.
//!
//! Costs of both sides are added up, and held against what the same work costs without the framework: the floor for
//! the client's side, the bus's client library alone for the way between servers. nats-server itself, on the load
//! generator's core, is not counted.

pub(crate) mod apps;
mod broker;
mod instructions;
mod push;
pub(crate) mod raw;

use anyhow::{Context as _, Result};

#[cfg(test)]
pub(crate) use self::instructions::{BUS, counted};
use self::{broker::Broker, raw::Call};
use crate::{
    Options,
    child::{Child, Place, Under},
    cores::Cores,
    load::{Load, Servers, measure},
    report::{COST_HEAD, Cost, Part},
    server::Subject,
    wire::{Transport, Wire},
};

/// What may be spent on a forwarded request, as a multiple of floor and bare bus.
const FORWARD_BUDGET: f64 = 1.5;

/// Users of the push, and the frontends they are connected to.
const USERS: usize = 10_000;
const FRONTENDS: usize = 4;

const UNPIPELINED: Load = Load::Echo {
    connections: 64,
    rounds: 500,
};
const PIPELINED: Load = Load::Saturated {
    connections: 64,
    depth: 16,
    rounds: 60,
};

/// One row of the table.
#[derive(Clone, Copy)]
enum Work {
    /// Clients' requests that are forwarded over NATS, next to floor and bare bus.
    Forward { load: Load, in_flight: usize },
    /// Typed calls of a remote over NATS, next to the bare bus.
    Remote { in_flight: usize, rounds: usize },
    /// Requests forwarded inside one process, next to requests for the server itself.
    LocalForward { load: Load },
    /// Typed calls inside one process, next to the same.
    LocalRemote { in_flight: usize, rounds: usize },
}

pub(crate) const PUSH: &str = "push";

const ROWS: [(&str, Work); 7] = [
    (
        "forward-64x1",
        Work::Forward {
            load: UNPIPELINED,
            in_flight: 64,
        },
    ),
    (
        "forward-64x16",
        Work::Forward {
            load: PIPELINED,
            in_flight: 64 * 16,
        },
    ),
    (
        "remote-64",
        Work::Remote {
            in_flight: 64,
            rounds: 500,
        },
    ),
    (
        "remote-1024",
        Work::Remote {
            in_flight: 1024,
            rounds: 60,
        },
    ),
    (
        "local-forward-64x1",
        Work::LocalForward { load: UNPIPELINED },
    ),
    (
        "local-forward-64x16",
        Work::LocalForward { load: PIPELINED },
    ),
    (
        "local-remote-64",
        Work::LocalRemote {
            in_flight: 64,
            rounds: 500,
        },
    ),
];

/// The names of all rows.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(name, _)| *name).chain([PUSH])
}

/// Prints all rows that `options` ask for.
pub(crate) fn run(options: &Options, cores: Cores) -> Result<()> {
    let broker = Broker::start()?;
    let place = Place {
        core: cores.server,
        bus: Some(&broker.url),
    };
    if options.instructions {
        return instructions::run(place, options.keep.as_deref());
    }
    let by = if options.quick { 10 } else { 1 };
    println!("CPU of all servers together per request or call\n\n{COST_HEAD}");
    for (name, work) in ROWS {
        if !options.wants(name) {
            continue;
        }
        let mut alternations = Vec::new();
        for turn in 0..options.alternations() {
            let parts = work.measure(by, turn, place).context(name)?;
            alternations.push(parts);
        }
        println!(
            "{}",
            Cost {
                name,
                budget: work.budget(),
                alternations,
            }
        );
    }
    if options.wants(PUSH) {
        println!();
        push::run(USERS / by, FRONTENDS, place).context(PUSH)?;
    }
    Ok(())
}

impl Work {
    fn budget(self) -> Option<f64> {
        matches!(self, Self::Forward { .. }).then_some(FORWARD_BUDGET)
    }

    /// The parts of the yardstick, and last our own. Who goes first changes with `turn`.
    fn measure(self, by: usize, turn: usize, place: Place<'_>) -> Result<Vec<Part>> {
        type Measure<'a> = (&'static str, Box<dyn Fn() -> Result<f64> + 'a>);
        let mut parts: Vec<Measure<'_>> = match self {
            Self::Forward { load, in_flight } => {
                let load = load.shortened(by);
                vec![
                    ("floor", Box::new(move || floor(load, place))),
                    (
                        "raw",
                        Box::new(move || raw(Call::Forward, in_flight, load.rounds(), place)),
                    ),
                    ("ours", Box::new(move || forward(load, place))),
                ]
            }
            Self::Remote { in_flight, rounds } => {
                let rounds = rounds.div_ceil(by);
                vec![
                    (
                        "raw",
                        Box::new(move || raw(Call::User, in_flight, rounds, place)),
                    ),
                    ("ours", Box::new(move || remote(in_flight, rounds, place))),
                ]
            }
            Self::LocalForward { load } => {
                let load = load.shortened(by);
                vec![
                    ("one server", Box::new(move || one_server(load, place))),
                    ("ours", Box::new(move || local_forward(load, place))),
                ]
            }
            Self::LocalRemote { in_flight, rounds } => {
                let rounds = rounds.div_ceil(by);
                let load = UNPIPELINED.shortened(by);
                vec![
                    ("one server", Box::new(move || one_server(load, place))),
                    (
                        "ours",
                        Box::new(move || local_remote(in_flight, rounds, place)),
                    ),
                ]
            }
        };
        let backwards = !turn.is_multiple_of(2);
        if backwards {
            parts.reverse();
        }
        let mut measured = Vec::new();
        for (name, measure) in parts {
            measured.push((
                name,
                measure().with_context(|| format!("measuring {name}"))?,
            ));
        }
        if backwards {
            measured.reverse();
        }
        Ok(measured)
    }
}

fn spawn(subject: Subject, place: Place<'_>) -> Result<Child> {
    Child::spawn(subject, Transport::Tcp, place, Under::Nothing)
}

/// A frontend and a backend that know each other.
fn pair(place: Place<'_>, under_front: Under<'_>, under_back: Under<'_>) -> Result<(Child, Child)> {
    let mut back = Child::spawn(Subject::Backend, Transport::Tcp, place, under_back)?;
    let mut front = Child::spawn(Subject::Frontend, Transport::Tcp, place, under_front)?;
    introduce(&mut front, &mut back)?;
    Ok((front, back))
}

fn introduce(front: &mut Child, back: &mut Child) -> Result<()> {
    front.ask(&format!("know {}", back.record))?;
    back.ask(&format!("know {}", front.record))?;
    Ok(())
}

fn floor(load: Load, place: Place<'_>) -> Result<f64> {
    let server = spawn(Subject::Floor, place)?;
    measure(
        load,
        Servers::alone(&server),
        &Wire::forwarded(Transport::Tcp),
    )
}

fn one_server(load: Load, place: Place<'_>) -> Result<f64> {
    let server = spawn(Subject::Pitaya, place)?;
    measure(load, Servers::alone(&server), &Wire::new(Transport::Tcp))
}

fn forward(load: Load, place: Place<'_>) -> Result<f64> {
    let (front, back) = pair(place, Under::Nothing, Under::Nothing)?;
    let servers = Servers {
        front: &front,
        behind: &[back],
    };
    measure(load, servers, &Wire::forwarded(Transport::Tcp))
}

fn local_forward(load: Load, place: Place<'_>) -> Result<f64> {
    let server = spawn(Subject::Local, place)?;
    measure(
        load,
        Servers::alone(&server),
        &Wire::forwarded(Transport::Tcp),
    )
}

fn raw(call: Call, in_flight: usize, rounds: usize, place: Place<'_>) -> Result<f64> {
    let responder = spawn(Subject::RawResponder, place)?;
    let caller = spawn(Subject::RawCaller, place)?;
    calls(call.name(), in_flight, rounds, caller, &[responder])
}

fn remote(in_flight: usize, rounds: usize, place: Place<'_>) -> Result<f64> {
    let (front, back) = pair(place, Under::Nothing, Under::Nothing)?;
    calls(Call::User.name(), in_flight, rounds, front, &[back])
}

fn local_remote(in_flight: usize, rounds: usize, place: Place<'_>) -> Result<f64> {
    let server = spawn(Subject::Local, place)?;
    calls(Call::User.name(), in_flight, rounds, server, &[])
}

/// Has `caller` make `in_flight` calls at a time, `rounds` times.
fn calls(
    name: &str,
    in_flight: usize,
    rounds: usize,
    mut caller: Child,
    behind: &[Child],
) -> Result<f64> {
    caller.ask(&format!("{name} {in_flight} {}", (rounds / 10).max(1)))?;
    let cpu = |caller: &Child| {
        Servers {
            front: caller,
            behind,
        }
        .cpu_at_rest()
    };
    let before = cpu(&caller)?;
    caller.ask(&format!("{name} {in_flight} {rounds}"))?;
    let after = cpu(&caller)?;
    Ok((after - before) as f64 / (in_flight * rounds) as f64)
}
