//! The requests that wait for an answer: ids and who waits for which.
//!
//! A table without I/O. An id must never be given to two waiting requests, whatever has wrapped
//! around meanwhile.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;
use tokio::sync::oneshot;

use crate::protocol::compression::InflateError;

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Success, with this body.
    Body(Bytes),
    /// An error object, still encoded.
    Error(Bytes),
    /// The answer came but could not be inflated.
    Unreadable(InflateError),
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: u32,
    waiting: HashMap<u32, oneshot::Sender<Reply>, RandomState>,
}

impl Requests {
    /// The next id: 32 bits, never 0 (servers do not answer it) and none that is still waiting.
    /// The caller keeps the number of waiting requests far below 2^32.
    pub(super) fn next_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != 0 && !self.waiting.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Waits for the answer to `id`.
    pub(super) fn expect(&mut self, id: u32) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(id, sender);
        receiver
    }

    /// Hands an answer to who waits for it; false if nobody does (any more).
    pub(super) fn answer(&mut self, id: u64, reply: Reply) -> bool {
        u32::try_from(id)
            .ok()
            .and_then(|id| self.waiting.remove(&id))
            .is_some_and(|waiting| waiting.send(reply).is_ok())
    }

    /// Waits no more for `id`.
    pub(super) fn forget(&mut self, id: u32) {
        self.waiting.remove(&id);
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Waits for nothing any more: every waiting receiver gets a closed channel.
    pub(super) fn clear(&mut self) {
        self.waiting = HashMap::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Reply {
        Reply::Body(Bytes::new())
    }

    #[test]
    fn ids_start_at_1_skip_0_and_those_still_waiting() {
        let mut requests = Requests::default();
        assert_eq!(requests.next_id(), 1);
        let _first = requests.expect(1);
        requests.last_id = u32::MAX - 1;
        assert_eq!(requests.next_id(), u32::MAX);
        assert_eq!(requests.next_id(), 2);
    }

    #[test]
    fn an_answer_reaches_its_request_once() {
        let mut requests = Requests::default();
        let mut waiting = requests.expect(7);
        assert!(!requests.answer(8, body()));
        assert!(
            !requests.answer(7 + (1 << 32), body()),
            "an id of over 32 bits is not cut"
        );
        assert!(requests.answer(7, body()));
        assert!(!requests.answer(7, body()));
        assert_eq!(waiting.try_recv(), Ok(body()));
    }

    #[test]
    fn a_forgotten_request_takes_no_answer() {
        let mut requests = Requests::default();
        let _waiting = requests.expect(7);
        requests.forget(7);
        assert!(!requests.answer(7, body()));
    }

    #[test]
    fn clearing_closes_every_waiting_channel() {
        let mut requests = Requests::default();
        let mut waiting = requests.expect(7);
        requests.clear();
        assert_eq!(
            waiting.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        );
    }
}
