//! A push from a backend to users on several frontends: what travels over the bus for it, and what it costs.

use anyhow::{Context as _, Result, ensure};

use super::{introduce, spawn};
use crate::{
    child::{Child, Place},
    generator::Connection,
    load::establish,
    server::Subject,
    wire::{Transport, Wire},
};

/// Pushes whose cost is measured.
const PUSHES: u64 = 5;

pub(super) fn run(users: usize, n_frontends: usize, place: Place<'_>) -> Result<()> {
    let wire = Wire::forwarded(Transport::Tcp);
    let mut observer = spawn(Subject::Observer, place)?;
    let mut backend = spawn(Subject::CountingBackend, place)?;
    let mut frontends = Vec::new();
    for _ in 0..n_frontends {
        let mut frontend = spawn(Subject::Frontend, place)?;
        introduce(&mut frontend, &mut backend)?;
        frontends.push(frontend);
    }
    let first = frontends.first().context("no frontend")?;
    let mut trigger = Connection::establish(&wire, first.address)?;
    let mut members = Vec::new();
    for frontend in &frontends {
        members.extend(establish(users / n_frontends, frontend, &wire)?);
    }
    for member in &mut members {
        member.send(&[wire.client.join.as_slice(), &wire.client.echo].concat())?;
        // A session's messages are served in order: the echo is answered by one who has joined.
        member.receive(&wire.server.response, 1)?;
    }
    // One push more, so that what is done once is not counted.
    push(&mut trigger, &mut members, &wire)?;
    let before = Costs::read(&mut observer, &mut backend, &frontends)?;
    for _ in 0..PUSHES {
        push(&mut trigger, &mut members, &wire)?;
    }
    let after = Costs::read(&mut observer, &mut backend, &frontends)?;
    let each = |before: u64, after: u64| (after - before) as f64 / PUSHES as f64;
    let per_user = |before, after| each(before, after) / members.len() as f64 / 1000.0;
    println!(
        "| push | publishes | encodes | backend, per user | frontends, per user |\n|---|---|---|---|---|"
    );
    println!(
        "| {} users on {n_frontends} frontends | {:.1} | {:.1} | {:.2} us | {:.2} us |",
        members.len(),
        each(before.publishes, after.publishes),
        each(before.encodes, after.encodes),
        per_user(before.backend, after.backend),
        per_user(before.frontends, after.frontends),
    );
    Ok(())
}

fn push(trigger: &mut Connection<'_>, members: &mut [Connection<'_>], wire: &Wire) -> Result<()> {
    trigger.send(&wire.client.fanout)?;
    members
        .iter_mut()
        .try_for_each(|member| member.receive(&wire.server.push, 1))
}

/// What has been spent so far.
struct Costs {
    publishes: u64,
    encodes: u64,
    backend: u64,
    frontends: u64,
}

impl Costs {
    fn read(observer: &mut Child, backend: &mut Child, frontends: &[Child]) -> Result<Self> {
        let frontends = frontends
            .iter()
            .map(Child::cpu_at_rest)
            .sum::<Result<_>>()?;
        let cpu = backend.cpu_at_rest()?;
        observer.wait_until_at_rest()?;
        let publishes = observer.ask("count")?.parse()?;
        let encodes: u64 = backend.ask("encodes")?.parse()?;
        ensure!(encodes > 0, "nothing was encoded");
        Ok(Self {
            publishes,
            encodes,
            backend: cpu,
            frontends,
        })
    }
}
