//! The loads, and what one unit of each costs the server.
//!
//! Every load is a fixed number of steps in a fixed order; only the server's share of CPU or memory is measured,
//! never a time on the wall.

use anyhow::{Result, ensure};

use crate::{child::Child, generator::Connection, wire::Wire};

/// Connections that a `Load::Connect` opens side by side.
const CONNECTING: usize = 32;

/// Connections opened, used once and kept before memory is first looked at, so that one-time growth is not counted.
const SETTLING: usize = 128;

/// What the generator does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// One request in flight on each connection, the next as soon as it is answered.
    Echo { connections: usize, rounds: usize },
    /// `depth` requests on each connection, all sent while the server is stopped: otherwise a faster server gets
    /// smaller batches, and the generator's speed hides the difference.
    Saturated {
        connections: usize,
        depth: usize,
        rounds: usize,
    },
    /// A push to every member of a group, `in_flight` of them at once.
    Fanout {
        members: usize,
        in_flight: usize,
        rounds: usize,
    },
    /// Connect, handshake, first answer, close.
    Connect { batches: usize },
    /// Connections that have had one answer and then say nothing.
    Idle { connections: usize },
}

impl Load {
    /// How often each connection has its turn.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Echo { rounds, .. }
            | Self::Saturated { rounds, .. }
            | Self::Fanout { rounds, .. } => rounds,
            Self::Connect { batches } => batches,
            Self::Idle { .. } => 1,
        }
    }

    /// The same load with its repetitions divided; sizes that decide what is measured stay.
    pub(crate) fn shortened(self, by: usize) -> Self {
        let less = |repetitions: usize| (repetitions / by).max(1);
        match self {
            Self::Echo {
                connections,
                rounds,
            } => Self::Echo {
                connections,
                rounds: less(rounds),
            },
            Self::Saturated {
                connections,
                depth,
                rounds,
            } => Self::Saturated {
                connections,
                depth,
                rounds: less(rounds),
            },
            Self::Fanout {
                members,
                in_flight,
                rounds,
            } => Self::Fanout {
                members,
                in_flight,
                rounds: less(rounds),
            },
            Self::Connect { batches } => Self::Connect {
                batches: less(batches),
            },
            Self::Idle { .. } => self,
        }
    }

    /// The same load with no more connections at rest than `files` allow.
    pub(crate) fn within(self, files: u64) -> Self {
        match self {
            Self::Idle { connections } => Self::Idle {
                connections: connections.min(usize::try_from(files).unwrap_or(usize::MAX)),
            },
            other => other,
        }
    }
}

/// The servers that do the work of a load, and whose CPU is added up.
#[derive(Clone, Copy)]
pub(crate) struct Servers<'a> {
    /// Where clients connect.
    pub(crate) front: &'a Child,
    /// Those that it calls.
    pub(crate) behind: &'a [Child],
}

impl<'a> Servers<'a> {
    pub(crate) fn alone(front: &'a Child) -> Self {
        Self { front, behind: &[] }
    }

    /// Nanoseconds of all of them. Exact once they have come to rest.
    pub(crate) fn cpu_at_rest(self) -> Result<u64> {
        let behind = self.behind.iter().map(Child::cpu_at_rest);
        behind
            .sum::<Result<u64>>()
            .and_then(|behind| Ok(self.front.cpu_at_rest()? + behind))
    }
}

/// Nanoseconds of the servers' CPU per request, delivery or connection; for `Idle`, bytes per connection.
pub(crate) fn measure(load: Load, servers: Servers<'_>, wire: &Wire) -> Result<f64> {
    let server = servers.front;
    match load {
        Load::Echo {
            connections,
            rounds,
        } => {
            let mut connections = establish(connections, server, wire)?;
            let units = connections.len() * rounds;
            per_unit(servers, units, rounds, |rounds| {
                echo(&mut connections, wire, rounds)
            })
        }
        Load::Saturated {
            connections,
            depth,
            rounds,
        } => {
            let mut connections = establish(connections, server, wire)?;
            let burst = Burst::new(wire, depth);
            let units = connections.len() * depth * rounds;
            per_unit(servers, units, rounds, |rounds| {
                burst.send(&mut connections, server, rounds)
            })
        }
        Load::Fanout {
            members,
            in_flight,
            rounds,
        } => {
            let mut group = Group::gather(members, server, wire)?;
            let units = members * in_flight * rounds;
            per_unit(servers, units, rounds, |rounds| {
                group.push(in_flight, rounds)
            })
        }
        Load::Connect { batches } => per_unit(servers, CONNECTING * batches, batches, |batches| {
            connect(server, wire, batches)
        }),
        Load::Idle { connections } => {
            let settling = establish(SETTLING, server, wire)?;
            let before = server.resident_at_rest()?;
            let idle = establish(connections, server, wire)?;
            let after = server.resident_at_rest()?;
            ensure!(
                after > before,
                "memory did not grow with {connections} connections"
            );
            drop((settling, idle));
            Ok((after - before) as f64 / connections as f64)
        }
    }
}

/// Runs a tenth of `rounds` to warm up, then all of them, and divides the CPU of the latter.
fn per_unit(
    servers: Servers<'_>,
    units: usize,
    rounds: usize,
    mut work: impl FnMut(usize) -> Result<()>,
) -> Result<f64> {
    work((rounds / 10).max(1))?;
    let before = servers.cpu_at_rest()?;
    work(rounds)?;
    let after = servers.cpu_at_rest()?;
    Ok((after - before) as f64 / units as f64)
}

pub(crate) fn establish<'a>(
    count: usize,
    server: &Child,
    wire: &'a Wire,
) -> Result<Vec<Connection<'a>>> {
    (0..count)
        .map(|_| Connection::establish(wire, server))
        .collect()
}

fn echo(connections: &mut [Connection<'_>], wire: &Wire, rounds: usize) -> Result<()> {
    for connection in connections.iter_mut() {
        connection.send(&wire.client.echo)?;
    }
    for round in 1..=rounds {
        for connection in connections.iter_mut() {
            connection.receive(&wire.server.response, 1)?;
            if round < rounds {
                connection.send(&wire.client.echo)?;
            }
        }
    }
    Ok(())
}

/// Requests that are all there before the server sees the first of them.
pub(crate) struct Burst<'a> {
    wire: &'a Wire,
    depth: usize,
    requests: Vec<u8>,
}

impl<'a> Burst<'a> {
    pub(crate) fn new(wire: &'a Wire, depth: usize) -> Self {
        Self {
            wire,
            depth,
            requests: wire.client.echo.repeat(depth),
        }
    }

    pub(crate) fn send(
        &self,
        connections: &mut [Connection<'_>],
        server: &Child,
        rounds: usize,
    ) -> Result<()> {
        for _ in 0..rounds {
            server.stop()?;
            let sent = connections
                .iter_mut()
                .try_for_each(|connection| connection.send(&self.requests));
            server.resume()?;
            sent?;
            for connection in connections.iter_mut() {
                connection.receive(&self.wire.server.response, self.depth)?;
            }
        }
        Ok(())
    }
}

/// Members of the server's one group, and the connection that makes it push.
pub(crate) struct Group<'a> {
    wire: &'a Wire,
    trigger: Connection<'a>,
    members: Vec<Connection<'a>>,
}

impl<'a> Group<'a> {
    pub(crate) fn gather(members: usize, server: &Child, wire: &'a Wire) -> Result<Self> {
        let trigger = Connection::establish(wire, server)?;
        let mut members = establish(members, server, wire)?;
        for member in &mut members {
            member.send(&[wire.client.join.as_slice(), &wire.client.echo].concat())?;
        }
        // A session's messages are served in order: the echo is answered by one who has joined.
        for member in &mut members {
            member.receive(&wire.server.response, 1)?;
        }
        Ok(Self {
            wire,
            trigger,
            members,
        })
    }

    pub(crate) fn push(&mut self, in_flight: usize, rounds: usize) -> Result<()> {
        let triggers = self.wire.client.fanout.repeat(in_flight);
        for _ in 0..rounds {
            self.trigger.send(&triggers)?;
            for member in &mut self.members {
                member.receive(&self.wire.server.push, in_flight)?;
            }
        }
        Ok(())
    }

    pub(crate) fn into_connections(self) -> Vec<Connection<'a>> {
        let Self {
            trigger,
            mut members,
            ..
        } = self;
        members.push(trigger);
        members
    }
}

fn connect(server: &Child, wire: &Wire, batches: usize) -> Result<()> {
    for _ in 0..batches {
        let mut connections = (0..CONNECTING)
            .map(|_| Connection::open(wire, server))
            .collect::<Result<Vec<_>>>()?;
        connections
            .iter_mut()
            .try_for_each(Connection::begin_upgrade)?;
        connections
            .iter_mut()
            .try_for_each(Connection::end_upgrade)?;
        connections
            .iter_mut()
            .try_for_each(Connection::begin_handshake)?;
        connections
            .iter_mut()
            .try_for_each(Connection::end_handshake)?;
        connections
            .iter_mut()
            .try_for_each(|connection| connection.receive(&wire.server.response, 1))?;
    }
    Ok(())
}
