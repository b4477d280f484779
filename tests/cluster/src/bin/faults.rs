//! Long faults: `cargo run --release -p cluster-tests --bin faults [NAME]` makes them all, or those whose name has
//! that text in it, with real etcd, NATS and servers in processes of their own, while players play, and prints what
//! was counted and how soon everything worked again.

use std::time::Duration;

use cluster_tests::faults::scenarios::*;
use cluster_tests::faults::scene::own_program;
use cluster_tests::faults::{Outcome, Plan};
use cluster_tests::game::{self, Settings};
use futures_util::future::{BoxFuture, FutureExt as _};

/// How soon everything is to work again.
const AIM: Duration = Duration::from_secs(2);

type Fault = (&'static str, u64, fn(Plan) -> BoxFuture<'static, Outcome>);

/// Each with how many seconds something is away.
const FAULTS: [Fault; 8] = [
    ("etcd killed", 60, |plan| etcd_killed(plan).boxed()),
    ("NATS killed", 20, |plan| nats_killed(plan).boxed()),
    ("NATS restarted empty", 0, |plan| {
        nats_restarted(plan).boxed()
    }),
    ("backend killed", 5, |plan| backend_killed(plan).boxed()),
    ("backend paused", 20, |plan| backend_paused(plan).boxed()),
    ("frontend killed", 5, |plan| frontend_killed(plan).boxed()),
    ("etcd split from a server", 20, |plan| {
        split_from_etcd(plan).boxed()
    }),
    ("50 servers join at once", 0, |plan| {
        fifty_join(plan).boxed()
    }),
];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = match arguments.next() {
        Some(word) if word == "server" => return game::main(arguments).await,
        Some(word) => word,
        None => String::new(),
    };
    println!(
        "{:<26} {:>6} {:>8} {:>8} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9}  under 2 s",
        "fault",
        "away s",
        "sent",
        "answered",
        "failed",
        "closed",
        "local",
        "slowest",
        "forward",
        "users",
        "discovery"
    );
    let mut failed = false;
    for (name, seconds, fault) in FAULTS {
        if !name.contains(&wanted) {
            continue;
        }
        let plan = Plan {
            program: own_program(),
            outage: Duration::from_secs(seconds),
            settings: Settings::Usual,
            lease: Duration::from_secs(60),
        };
        match tokio::spawn(fault(plan)).await {
            Ok(outcome) => print(name, seconds, &outcome),
            Err(error) => {
                failed = true;
                println!("{name:<26} {error}");
            }
        }
    }
    println!(
        "\nlocal: requests that gates answered by themselves while something was away, and the slowest of them.\n\
         forward, users, discovery: when each worked wholly again, in ms after what was away was back; for a server\n\
         that was killed, after its end."
    );
    std::process::exit(failed.into());
}

fn print(name: &str, seconds: u64, outcome: &Outcome) {
    let (totals, local, recovery) = (&outcome.totals, &outcome.local, &outcome.recovery);
    println!(
        "{name:<26} {seconds:>6} {:>8} {:>8} {:>7} {:>7} {:>8} {:>6} ms {:>6} ms {:>6} ms {:>6} ms  {}",
        totals.sent,
        totals.answered,
        totals.failed,
        totals.closed,
        local.answered,
        local.slowest.as_millis(),
        recovery.forwarding.as_millis(),
        recovery.users.as_millis(),
        recovery.discovery.as_millis(),
        if recovery.whole() < AIM { "yes" } else { "no" },
    );
    for (error, times) in &totals.errors {
        println!("    {times} times {error}");
    }
}
