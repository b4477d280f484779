//! The clients that do nothing wrong.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use pitaya::client::Client;
use standalone_tests::RawClient;
use tokio::sync::watch;

/// How many there are.
pub(crate) const PLAYERS: usize = 50;

/// What the players and those who watch them share.
pub(crate) struct Players {
    playing: watch::Sender<bool>,
    resting: AtomicUsize,
    /// Requests that were answered, of each.
    answered: Vec<AtomicU64>,
    /// What went wrong.
    failures: Mutex<Vec<String>>,
}

/// A connection of a player.
pub(crate) enum Link {
    /// By the client library.
    Library(Client),
    /// By hand, for what the library does not speak.
    Bytes(RawClient),
}

impl Link {
    async fn echo(&mut self, id: u64, body: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Library(client) => match client.request_raw("game.echo", body).await {
                Ok(answer) => Ok(answer.to_vec()),
                Err(error) => Err(error.to_string()),
            },
            Self::Bytes(client) => {
                client.request(id, "game.echo", body.as_bytes()).await;
                let answer = client.message().await;
                match (answer.id == id, answer.error) {
                    (true, false) => Ok(answer.body),
                    _ => Err(format!("{answer:?}")),
                }
            }
        }
    }
}

impl Players {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            playing: watch::Sender::new(true),
            resting: AtomicUsize::new(0),
            answered: (0..PLAYERS).map(|_| AtomicU64::new(0)).collect(),
            failures: Mutex::default(),
        })
    }

    /// Plays until the players are dropped or something goes wrong.
    pub(crate) async fn play(self: Arc<Self>, number: usize, mut link: Link) {
        let mut playing = self.playing.subscribe();
        for id in 1.. {
            if !*playing.borrow_and_update() {
                self.resting.fetch_add(1, Relaxed);
                if playing.wait_for(|playing| *playing).await.is_err() {
                    return;
                }
                self.resting.fetch_sub(1, Relaxed);
            }
            // Of one length each, for the same bytes.
            let body = format!("player {number:04} asks {id:012}");
            let failure = match link.echo(id, &body).await {
                Ok(answer) if answer == body.as_bytes() => None,
                other => Some(format!("{body}: {other:?}")),
            };
            if let Some(failure) = failure {
                return self.failures.lock().unwrap().push(failure);
            }
            self.answered[number].fetch_add(1, Relaxed);
        }
    }

    /// Fails when a request of anybody was not answered as it should.
    pub(crate) fn check(&self) {
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "{failures:?}");
    }

    /// How much each has played.
    pub(crate) fn answered(&self) -> Vec<u64> {
        let counts = self.answered.iter();
        counts.map(|count| count.load(Relaxed)).collect()
    }

    /// Tells all to rest, or to go on.
    pub(crate) fn tell(&self, playing: bool) {
        self.playing.send_replace(playing);
    }

    pub(crate) fn all_rest(&self) -> bool {
        self.resting.load(Relaxed) == PLAYERS
    }
}
