//! Players who never stop: numbered requests and notifies to their gate and through it to the rooms, each answer
//! counted.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use parking_lot::Mutex;
use pitaya::client::{Client, Error};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::DEADLINE;

/// Forwarded requests that each player has under way.
const WINDOW: usize = 8;

/// A player's pause between two requests of one kind.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of the requests of one kind.
#[derive(Debug, Default)]
pub struct Tally {
    /// Sent.
    pub sent: AtomicU64,
    /// Answered with what was asked for.
    pub answered: AtomicU64,
    /// Answered with an error.
    pub failed: AtomicU64,
    /// Given up because their connection closed.
    pub closed: AtomicU64,
    /// The longest that an answer took since the last look, in microseconds.
    slowest: AtomicU64,
    /// Errors by text.
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    /// Makes one request, with a number of its own, and notes what becomes of it.
    async fn request(&self, client: &Client, route: &str, troubles: &Troubles) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed).to_string();
        let start = Instant::now();
        match client.request_raw(route, &number).await {
            Ok(answer) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.slowest.fetch_max(took, Ordering::Relaxed);
                let answer = String::from_utf8_lossy(&answer).into_owned();
                // A room begins with its own id.
                if answer.rsplit(' ').next() != Some(&number) {
                    troubles.note(format!("{route} {number} was answered {answer:?}"));
                }
            }
            Err(Error::Server(error)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                *self.errors.lock().entry(error.to_string()).or_default() += 1;
            }
            Err(Error::Disconnected(_)) => {
                self.closed.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => troubles.note(format!("{route} {number}: {error}")),
        }
    }

    /// The longest that an answer took since the last call.
    pub fn take_slowest(&self) -> Duration {
        Duration::from_micros(self.slowest.swap(0, Ordering::Relaxed))
    }
}

/// What must never happen, and did.
#[derive(Debug, Default)]
struct Troubles(Mutex<Vec<String>>);

impl Troubles {
    fn note(&self, trouble: String) {
        let mut troubles = self.0.lock();
        if troubles.len() < 20 {
            troubles.push(trouble);
        }
    }
}

/// Gates that are there at the moment.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Mutex<Vec<SocketAddr>>>);

impl Gates {
    /// Makes the list this one.
    pub fn set(&self, gates: Vec<SocketAddr>) {
        *self.0.lock() = gates;
    }

    /// Connects to the `n`th gate, to another one if that is gone, for as long as it takes.
    pub async fn connect(&self, n: usize) -> Client {
        let start = Instant::now();
        loop {
            let gate = {
                let gates = self.0.lock();
                gates[n % gates.len()]
            };
            // What is not answered by then hangs: the servers' own times are shorter by far.
            let client = Client::builder().request_timeout(DEADLINE);
            match client.connect(gate.to_string()).await {
                Ok(client) => return client,
                Err(error) => assert!(start.elapsed() < DEADLINE, "no gate lets in: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// One player's counts.
#[derive(Debug, Default)]
struct Player {
    local: Tally,
}

/// The players and what they have counted.
#[derive(Debug)]
pub struct Load {
    players: Vec<Arc<Player>>,
    /// Requests to rooms, of all players.
    pub forwarded: Arc<Tally>,
    /// Notifies to gates that were sent.
    pub told: Arc<AtomicU64>,
    troubles: Arc<Troubles>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Load {
    /// Lets this many players in, who begin at once.
    pub fn start(gates: &Gates, n_players: usize) -> Self {
        let mut load = Self {
            players: Vec::new(),
            forwarded: Arc::default(),
            told: Arc::default(),
            troubles: Arc::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        for n in 0..n_players {
            let player = Arc::<Player>::default();
            load.players.push(player.clone());
            let task = Task {
                player,
                forwarded: load.forwarded.clone(),
                told: load.told.clone(),
                troubles: load.troubles.clone(),
                stop: load.stop.clone(),
            };
            let gates = gates.clone();
            load.tasks.spawn(async move { task.play(&gates, n).await });
        }
        load
    }

    /// How many requests to gates were answered, by player.
    pub fn local_answered(&self) -> Vec<u64> {
        let answered = |player: &Arc<Player>| player.local.answered.load(Ordering::Relaxed);
        self.players.iter().map(answered).collect()
    }

    /// The longest that an answer of a gate took since the last call.
    pub fn take_slowest_local(&self) -> Duration {
        let slowest = self
            .players
            .iter()
            .map(|player| player.local.take_slowest());
        slowest.max().unwrap_or_default()
    }

    /// Lets everybody finish; every request must have had exactly one answer, or its connection has closed.
    pub async fn stop(mut self) -> Totals {
        self.stop.cancel();
        let ended = async {
            while let Some(task) = self.tasks.join_next().await {
                task.expect("a player does not panic");
            }
        };
        tokio::time::timeout(DEADLINE * 2, ended)
            .await
            .expect("every request ends");
        let troubles = self.troubles.0.lock();
        assert!(troubles.is_empty(), "{troubles:#?}");
        let mut totals = Totals::default();
        let locals = self.players.iter().map(|player| &player.local);
        for tally in locals.chain([&*self.forwarded]) {
            totals.add(tally);
        }
        assert_eq!(
            totals.sent,
            totals.answered + totals.failed + totals.closed,
            "every request has one end: {totals:?}"
        );
        totals
    }
}

/// All requests of one load together.
#[derive(Debug, Default, Clone)]
pub struct Totals {
    /// Sent.
    pub sent: u64,
    /// Answered with what was asked for.
    pub answered: u64,
    /// Answered with an error.
    pub failed: u64,
    /// Given up because their connection closed.
    pub closed: u64,
    /// Errors by text.
    pub errors: BTreeMap<String, u64>,
}

impl Totals {
    fn add(&mut self, tally: &Tally) {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.sent += number(&tally.sent);
        self.answered += number(&tally.answered);
        self.failed += number(&tally.failed);
        self.closed += number(&tally.closed);
        for (error, times) in &*tally.errors.lock() {
            *self.errors.entry(error.clone()).or_default() += times;
        }
    }
}

/// One player at work.
struct Task {
    player: Arc<Player>,
    forwarded: Arc<Tally>,
    told: Arc<AtomicU64>,
    troubles: Arc<Troubles>,
    stop: CancellationToken,
}

impl Task {
    /// Plays, on a new connection whenever the last one has closed.
    async fn play(&self, gates: &Gates, n: usize) {
        while !self.stop.is_cancelled() {
            let client = gates.connect(n).await;
            tokio::join!(self.play_here(&client), self.play_in_rooms(&client));
            // An answer too many would stand before this one.
            let _ = client.request_raw("gate.gate.echo", "last").await;
            let ignored = client.ignored_messages();
            if ignored > 0 {
                let trouble = format!("{ignored} answers that nobody waited for");
                self.troubles.note(trouble);
            }
        }
    }

    async fn play_here(&self, client: &Client) {
        let local = &self.player.local;
        while self.goes_on(client) {
            if client.notify("gate.gate.tell", &Bytes::new()).await.is_ok() {
                self.told.fetch_add(1, Ordering::Relaxed);
            }
            local
                .request(client, "gate.gate.echo", &self.troubles)
                .await;
            self.pause(client).await;
        }
    }

    async fn play_in_rooms(&self, client: &Client) {
        let mut under_way = FuturesUnordered::new();
        while self.goes_on(client) {
            if under_way.len() < WINDOW {
                // An error means that the connection has closed.
                let _ = client.notify("room.room.tell", &Bytes::new()).await;
                let request = self
                    .forwarded
                    .request(client, "room.room.echo", &self.troubles);
                under_way.push(request);
            }
            drain(&mut under_way, self.pause(client)).await;
        }
        while under_way.next().await.is_some() {}
    }

    fn goes_on(&self, client: &Client) -> bool {
        !self.stop.is_cancelled() && !client.is_closed()
    }

    async fn pause(&self, client: &Client) {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.stop.cancelled() => {}
            _ = client.closed() => {}
        }
    }
}

/// Polls what is under way until `pause` is over.
async fn drain<F: Future<Output = ()>>(
    under_way: &mut FuturesUnordered<F>,
    pause: impl Future<Output = ()>,
) {
    tokio::pin!(pause);
    loop {
        tokio::select! {
            () = &mut pause => return,
            Some(()) = under_way.next() => {}
        }
    }
}
