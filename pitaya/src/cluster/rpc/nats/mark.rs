//! How pushes that take different ways keep their order: what each carries, and who counts.
//!
//! A server that pushes to lists of users numbers them, for each frontend type. A push of a single
//! user that follows says how many lists were before it. Fields that Go servers pass over, and only
//! where lists are in use.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prost::Message as _;

/// Who sent a push, and its place among the lists of that sender.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct Mark {
    /// A random number for one run of a server.
    #[prost(fixed64, tag = "100")]
    pub(super) sender: u64,
    /// A list's own number, from 1; of a single push the number of the last list before it.
    #[prost(uint64, tag = "101")]
    pub(super) lists: u64,
}

impl Mark {
    /// What a push or a list carries; nothing but zeros when it carries none, or cannot be read.
    pub(super) fn of(payload: &[u8]) -> Self {
        Self::decode(payload).unwrap_or_default()
    }
}

/// The lists that one server has sent, by frontend type.
pub(super) struct Numbers {
    sender: u64,
    by_kind: Mutex<HashMap<String, Arc<Lists>>>,
}

/// The lists sent to one frontend type.
#[derive(Default)]
pub(super) struct Lists {
    /// Held while a list is handed to the bus: numbers go up in the order in which lists leave. Where
    /// the bus is behind, everybody waits for it anyway.
    turn: tokio::sync::Mutex<()>,
    /// How many have left.
    sent: AtomicU64,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self {
            sender: fastrand::u64(1..),
            by_kind: Mutex::default(),
        }
    }

    /// What a single push carries; nothing as long as no list was sent.
    pub(super) fn mark(&self, kind: &str) -> Option<Mark> {
        let lists = self.by_kind.lock().get(kind)?.sent.load(Ordering::Acquire);
        let sender = self.sender;
        (lists > 0).then_some(Mark { sender, lists })
    }

    /// Hands a list to the bus by `send`, in its turn.
    pub(super) async fn send<E>(
        &self,
        kind: &str,
        send: impl AsyncFnOnce(Mark) -> Result<(), E>,
    ) -> Result<(), E> {
        let lists = {
            let mut by_kind = self.by_kind.lock();
            match by_kind.get(kind) {
                Some(lists) => lists.clone(),
                None => by_kind.entry(kind.to_owned()).or_default().clone(),
            }
        };
        let _turn = lists.turn.lock().await;
        let number = lists.sent.load(Ordering::Acquire) + 1;
        let mark = Mark {
            sender: self.sender,
            lists: number,
        };
        send(mark).await?;
        lists.sent.store(number, Ordering::Release);
        Ok(())
    }
}

/// Senders that are told apart; the one that was heard of least recently is forgotten first.
const SENDERS: usize = 4096;

/// The last list of each sender that was given to its users.
#[derive(Default)]
pub(super) struct Seen {
    /// By sender: the list's number, and when that was noted.
    last: HashMap<u64, (u64, u64)>,
    notes: u64,
}

impl Seen {
    /// Whether every list before this push was given to its users.
    pub(super) fn is_up_to(&self, mark: Mark) -> bool {
        let seen = || self.last.get(&mark.sender).map_or(0, |(lists, _)| *lists);
        mark.lists == 0 || seen() >= mark.lists
    }

    /// The list of this number was given to its users, or none up to it will come any more.
    pub(super) fn note(&mut self, mark: Mark) {
        if mark.lists == 0 {
            return;
        }
        if self.last.len() >= SENDERS && !self.last.contains_key(&mark.sender) {
            let oldest = self.last.iter().min_by_key(|(_, (_, noted))| *noted);
            if let Some(oldest) = oldest.map(|(sender, _)| *sender) {
                self.last.remove(&oldest);
            }
        }
        self.notes += 1;
        let (lists, noted) = self.last.entry(mark.sender).or_default();
        *lists = mark.lists.max(*lists);
        *noted = self.notes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::wire::Push;

    fn mark(sender: u64, lists: u64) -> Mark {
        Mark { sender, lists }
    }

    #[test]
    fn a_push_with_a_mark_is_a_push_to_others() {
        let push = Push {
            route: "on".into(),
            uid: "u1".into(),
            data: "hi".into(),
            key: Some("k".into()),
        };
        let mut bytes = push.encode_to_vec();
        assert_eq!(Mark::of(&bytes), mark(0, 0));
        mark(7, 300).encode(&mut bytes).unwrap();
        assert_eq!(Push::decode(&*bytes).unwrap(), push);
        assert_eq!(Mark::of(&bytes), mark(7, 300));
        assert_eq!(Mark::of(b"\xff\xff"), mark(0, 0));
    }

    #[tokio::test]
    async fn lists_are_numbered_by_type_as_they_leave() {
        let numbers = Numbers::new();
        assert_eq!(numbers.mark("gate"), None);
        let send = async |kind, leaves: bool| {
            let mut number = 0;
            let sent = numbers.send(kind, async |mark| {
                number = mark.lists;
                if leaves { Ok(()) } else { Err(()) }
            });
            assert_eq!(sent.await.is_ok(), leaves);
            number
        };
        assert_eq!(send("gate", true).await, 1);
        assert_eq!(send("gate", false).await, 2);
        assert_eq!(send("gate", true).await, 2, "the other one has not left");
        assert_eq!(send("other", true).await, 1);
        assert_eq!(numbers.mark("gate"), Some(mark(numbers.sender, 2)));
        assert_eq!(numbers.mark("third"), None);
    }

    #[test]
    fn what_was_seen_is_kept_for_so_many_senders() {
        let mut seen = Seen::default();
        assert!(seen.is_up_to(mark(1, 0)) && !seen.is_up_to(mark(1, 1)));
        seen.note(mark(1, 5));
        seen.note(mark(1, 3));
        assert!(seen.is_up_to(mark(1, 5)) && !seen.is_up_to(mark(1, 6)));
        for sender in 2..10_000 {
            seen.note(mark(sender, 1));
        }
        assert_eq!(seen.last.len(), SENDERS);
        assert!(!seen.is_up_to(mark(1, 1)) && seen.is_up_to(mark(9_999, 1)));
    }
}
