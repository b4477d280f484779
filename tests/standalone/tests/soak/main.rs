//! Nothing is left of players who came and went: after rounds of connecting, chatting and leaving in every way there
//! are as many tasks, sessions, users, rooms and descriptors as before, and as many live bytes of heap.
//!
//! `SOAK=200000 cargo test --release -p standalone-tests --test soak -- --nocapture` lets that many sessions pass and
//! prints what was counted after each round.
#![allow(missing_docs)]

mod game;
mod players;

use std::fs;
use std::net::SocketAddr;

use pitaya::AppHandle;
use pitaya::session::CloseReason;
use tokio::runtime::{Builder, Handle};

use game::Ends;

/// The first rounds fill caches; what the last ones leave behind is a leak.
const ROUNDS: usize = 5;
const WARM_UP: usize = 2;

/// How many players are there at a time.
const WAVE: usize = 200;

/// How many sessions come and go in all.
fn sessions() -> usize {
    let sessions = std::env::var("SOAK").ok();
    sessions.map_or(5000, |text| text.parse().expect("SOAK is a number"))
}

/// What there is while nobody plays.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    tasks: usize,
    sessions: usize,
    bound: usize,
    rooms: usize,
    descriptors: usize,
}

impl Left {
    async fn now(app: &AppHandle, waves: usize) -> Self {
        // The maps let go of memory that they no longer need while they are used.
        for _ in 0..10_000 {
            assert!(app.sessions().by_uid("nobody").is_none());
        }
        let mut rooms = 0;
        for wave in 1..=waves {
            for room in 0..players::ROOMS {
                let members = app.groups().count(&players::room(wave, room)).await;
                rooms += usize::from(members.is_ok());
            }
        }
        Self {
            tasks: Handle::current().metrics().num_alive_tasks(),
            sessions: app.sessions().count(),
            bound: app.sessions().bound_count(),
            rooms,
            descriptors: descriptors(),
        }
    }
}

fn descriptors() -> usize {
    let open = fs::read_dir("/proc/self/fd").expect("Linux lists descriptors");
    open.count()
}

/// Resident memory of the process, as Linux writes it.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.expect("a size").trim().to_owned()
}

#[test]
fn players_who_came_and_went_leave_nothing() {
    // Server and players are on this thread, whose memory is counted.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let waves = (sessions() / ROUNDS).div_ceil(WAVE);
    let ends = Ends::default();
    let app = runtime.block_on(game::start(&ends));
    let address: SocketAddr = app.local_addr(0).expect("the app listens");

    let (mut heap_bytes, mut wave, mut rounds) = (0, 0, Vec::new());
    for round in 1..=ROUNDS {
        let mut left = None;
        let counted = allocation_counter::measure(|| {
            left = Some(runtime.block_on(async {
                let idle = Handle::current().metrics().num_alive_tasks();
                for _ in 0..waves {
                    wave += 1;
                    players::wave(address, wave, WAVE).await;
                    game::empty(app.handle(), idle).await;
                }
                Left::now(app.handle(), wave).await
            }));
        });
        let left = left.expect("the round has ended");
        heap_bytes += counted.bytes_current;
        let (n, resident) = (waves * WAVE, resident());
        println!(
            "round {round}, {n} sessions: {left:?}, {heap_bytes} bytes of heap, resident {resident}"
        );
        rounds.push((left, heap_bytes));
    }
    runtime.block_on(app.shutdown());

    let (bound, kicked) = players::bound_and_kicked(wave * WAVE);
    let ends = ends.all();
    println!("how {bound} bound players left: {ends:?}");
    assert_eq!(ends.iter().map(|(_, n)| n).sum::<usize>(), bound);
    assert!(ends.contains(&(CloseReason::Kicked, kicked)), "{ends:?}");

    let (warm, last) = (&rounds[WARM_UP - 1], &rounds[ROUNDS - 1]);
    assert_eq!(last, warm, "what rounds {WARM_UP} and {ROUNDS} left");
    let (left, _) = last;
    assert_eq!((left.sessions, left.bound, left.rooms), (0, 0, 0));
}
