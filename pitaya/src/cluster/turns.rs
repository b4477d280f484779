//! The order of each client's messages on a server that serves them for a frontend.
//!
//! A message takes its place when it comes and runs when those before it are done. One that gives up
//! before its turn leaves no gap: the turn goes on to the next. Nothing here knows what runs.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{Error, Result, codes};

/// A client's session: its frontend's id, and its number there.
pub(super) type SessionKey = (String, i64);

/// Messages of one session that may wait for their turn.
const WAITING: usize = 256;

/// The sessions that have a message running, and what waits behind it.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<Sessions>>);

type Sessions = HashMap<SessionKey, VecDeque<oneshot::Sender<()>>, foldhash::fast::RandomState>;

/// A place in the order of one session's messages; dropped, the next one's turn begins.
pub(super) struct Turn {
    turns: Turns,
    key: SessionKey,
    /// Nothing when it is this one's turn.
    wait: Option<oneshot::Receiver<()>>,
}

impl Turns {
    /// Takes a place behind those that have come so far.
    ///
    /// # Errors
    /// `PIT-503` when too many wait already.
    pub(super) fn take(&self, key: SessionKey) -> Result<Turn> {
        let wait = match self.0.lock().entry(key.clone()) {
            Entry::Vacant(idle) => {
                idle.insert(VecDeque::new());
                None
            }
            Entry::Occupied(mut busy) => {
                let waiting = busy.get_mut();
                if waiting.len() >= WAITING {
                    waiting.retain(|place| !place.is_closed());
                }
                if waiting.len() >= WAITING {
                    return Err(Error::new(
                        codes::OVERLOADED,
                        "too many messages of this session wait",
                    ));
                }
                let (place, wait) = oneshot::channel();
                waiting.push_back(place);
                Some(wait)
            }
        };
        Ok(Turn {
            turns: self.clone(),
            key,
            wait,
        })
    }
}

impl Turn {
    /// Waits until it is this one's turn.
    pub(super) async fn come(&mut self) {
        if let Some(wait) = &mut self.wait {
            // An error would say that the order is gone, so nothing is before this.
            let _ = wait.await;
            self.wait = None;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.close();
            // It may have been given the turn in this very moment.
            if wait.try_recv().is_err() {
                return;
            }
        }
        let mut sessions = self.turns.0.lock();
        let Some(waiting) = sessions.get_mut(&self.key) else {
            return;
        };
        while let Some(next) = waiting.pop_front() {
            if next.send(()).is_ok() {
                return;
            }
        }
        sessions.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn key(session: i64) -> SessionKey {
        ("gate".to_owned(), session)
    }

    fn is_due(turn: &mut Turn) -> bool {
        turn.come().now_or_never().is_some()
    }

    #[test]
    fn turns_come_in_order_and_sessions_do_not_wait_for_each_other() {
        let turns = Turns::default();
        let mut all: Vec<Turn> = (0..3).map(|_| turns.take(key(1)).unwrap()).collect();
        let mut other = turns.take(key(2)).unwrap();
        assert!(is_due(&mut other));
        assert_eq!(
            all.iter_mut().map(is_due).collect::<Vec<_>>(),
            [true, false, false]
        );
        drop(all.remove(0));
        assert_eq!(
            all.iter_mut().map(is_due).collect::<Vec<_>>(),
            [true, false]
        );
        drop((all, other));
        assert!(turns.0.lock().is_empty());
    }

    #[test]
    fn one_that_gives_up_leaves_no_gap() {
        let turns = Turns::default();
        let first = turns.take(key(1)).unwrap();
        let second = turns.take(key(1)).unwrap();
        let mut third = turns.take(key(1)).unwrap();
        drop(second);
        assert!(!is_due(&mut third), "the first one still runs");
        drop(first);
        assert!(is_due(&mut third));
        // Given the turn, and gone before it noticed.
        let fourth = turns.take(key(1)).unwrap();
        let mut fifth = turns.take(key(1)).unwrap();
        drop(third);
        drop(fourth);
        assert!(is_due(&mut fifth));
        drop(fifth);
        assert!(turns.0.lock().is_empty());
    }

    #[test]
    fn as_many_may_wait_as_there_is_room_and_those_that_gave_up_take_none() {
        let turns = Turns::default();
        let _first = turns.take(key(1)).unwrap();
        let mut waiting: Vec<Turn> = (0..WAITING).map(|_| turns.take(key(1)).unwrap()).collect();
        assert_eq!(
            turns.take(key(1)).map(|_| ()).unwrap_err().code(),
            "PIT-503"
        );
        waiting.pop();
        assert!(turns.take(key(1)).is_ok());
    }
}
