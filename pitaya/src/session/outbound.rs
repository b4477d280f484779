//! What waits to be written to one client: one place, one order.
//!
//! Replies, pushes and control packets of a connection meet here, so that they leave in the order in
//! which they were queued: a push made inside a handler precedes its response. The lock is held for
//! a few instructions only: never across an await, a wake, a system call or user code.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

use crate::scratch::{self, Scratch};
use crate::sync::{AtomicBool, Mutex, Ordering};

/// How much may wait for one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The largest batch handed to one write, unless a single frame is larger.
pub(crate) const BATCH: usize = 128 * 1024;

pub(crate) struct Outbound {
    /// Set with the queue's end, so that the connection's task sees it without the lock.
    ended: AtomicBool,
    queue: Mutex<Queue>,
}

struct Queue {
    /// Encoded frames, older than everything below.
    ready: Vec<u8>,
    /// The usual single push needs no allocation.
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    /// Messages in `first` and `more`.
    messages: u32,
    /// Bytes in `first` and `more`.
    bytes: u32,
    gate: Gate,
    end: Option<End>,
    /// Set by the first message of a burst, so that a burst wakes once.
    dirty: bool,
    /// Wakes the connection's task; used up by that.
    waker: Option<Waker>,
}

/// What may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Before the client's ack: control packets only.
    Held,
    /// Everything.
    Open,
}

/// Why nothing more may be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What is queued still leaves, then the connection closes.
    Flush,
    /// The connection closes at once; what is queued is dropped.
    Drop,
}

/// Why a frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    Full,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self {
            ended: AtomicBool::new(false),
            queue: Mutex::new(Queue {
                ready: Vec::new(),
                first: None,
                more: VecDeque::new(),
                messages: 0,
                bytes: 0,
                gate: Gate::Held,
                end: None,
                dirty: false,
                waker: None,
            }),
        }
    }

    /// To be called by the connection's task before it looks at the queue, else a push is lost.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut queue = self.queue.lock();
        match &mut queue.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Makes the connection's task look again, for news that are not in the queue.
    pub(crate) fn wake_now(&self) {
        let waker = self.queue.lock().waker.take();
        wake(waker);
    }

    /// Queues one shared frame: how many more messages may be queued.
    pub(crate) fn push(&self, frame: Bytes, bounds: Bounds) -> Result<usize, Refused> {
        let (room, waker) = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                return Err(Refused::Closed);
            }
            let bytes = queue.bytes as usize + frame.len();
            // A frame that is alone may be as large as the protocol allows.
            let alone = queue.messages == 0;
            if !alone && (bytes > bounds.bytes || queue.messages as usize >= bounds.messages) {
                return Err(Refused::Full);
            }
            queue.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            queue.messages += 1;
            queue.append(frame);
            (
                bounds.messages.saturating_sub(queue.messages as usize),
                queue.waker_of_burst(),
            )
        };
        wake(waker);
        Ok(room)
    }

    /// Appends one encoded frame behind everything queued so far: a reply, made by the connection's
    /// own task, or (`wakes`) by another. Bounded by the number of calls under way, not by the bounds.
    pub(crate) fn reply(&self, write: impl FnOnce(&mut Vec<u8>), wakes: bool) -> bool {
        let waker = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                return false;
            }
            match queue.gate {
                Gate::Open => {
                    queue.gather(usize::MAX);
                    write(queue.ready());
                }
                Gate::Held => {
                    let mut frame = Vec::new();
                    write(&mut frame);
                    queue.append(frame.into());
                }
            }
            if wakes { queue.waker_of_burst() } else { None }
        };
        wake(waker);
        true
    }

    /// Appends a control packet, which passes the gate; the connection's task only.
    pub(crate) fn control(&self, packet: &[u8]) {
        let mut queue = self.queue.lock();
        if queue.gate == Gate::Open {
            queue.gather(usize::MAX);
        }
        queue.ready().extend_from_slice(packet);
    }

    /// Opens or shuts the gate; the connection's task only.
    pub(crate) fn set_gate(&self, gate: Gate) {
        self.queue.lock().gate = gate;
    }

    /// Refuses everything from now on; `last` is written behind what is queued, or instead of it.
    /// An abrupt end overtakes an orderly one.
    pub(crate) fn finish(&self, end: End, last: &[u8]) {
        let waker = {
            let mut queue = self.queue.lock();
            match (queue.end, end) {
                (None, _) | (Some(End::Flush), End::Drop) => queue.end = Some(end),
                _ => return,
            }
            self.ended.store(true, Ordering::Release);
            if end == End::Flush {
                if queue.gate == Gate::Open {
                    queue.gather(usize::MAX);
                }
                queue.ready().extend_from_slice(last);
            }
            // Also when the burst has woken it: that may be stuck behind a socket that takes nothing.
            queue.waker.take()
        };
        wake(waker);
    }

    /// Whether an end was set.
    #[inline]
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The end that was set, if any.
    pub(crate) fn end(&self) -> Option<End> {
        self.queue.lock().end
    }

    /// What may leave, up to a batch; empty when there is nothing. The connection's task only.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut queue = self.queue.lock();
        queue.dirty = false;
        if queue.gate == Gate::Open {
            queue.gather(BATCH);
        }
        let batch = std::mem::take(&mut queue.ready);
        drop(queue);
        batch
    }

    /// Ends the queue and drops what waits: how many messages that were.
    pub(crate) fn clear(&self) -> u32 {
        let mut queue = self.queue.lock();
        queue.end = Some(End::Drop);
        let dropped = queue.messages;
        queue.ready = Vec::new();
        queue.first = None;
        queue.more = VecDeque::new();
        queue.messages = 0;
        queue.bytes = 0;
        // It keeps the task's memory, and the session may outlive that.
        let waker = queue.waker.take();
        drop(queue);
        drop(waker);
        dropped
    }
}

/// Never under the lock.
#[inline]
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Queue {
    /// Who is to be woken for a message: nobody when an earlier one has woken the task.
    #[inline]
    fn waker_of_burst(&mut self) -> Option<Waker> {
        if std::mem::replace(&mut self.dirty, true) {
            None
        } else {
            self.waker.take()
        }
    }

    /// The buffer of encoded frames: the thread's spare one for the length of a turn.
    #[inline]
    fn ready(&mut self) -> &mut Vec<u8> {
        if self.ready.capacity() == 0 {
            self.ready = scratch::take(Scratch::Output);
        }
        &mut self.ready
    }

    fn append(&mut self, frame: Bytes) {
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.more.push_back(frame);
        }
    }

    /// Copies queued frames behind `ready` until that holds `limit` bytes.
    #[inline]
    fn gather(&mut self, limit: usize) {
        if let Some(first) = self.first.take() {
            self.ready().extend_from_slice(&first);
            if self.more.is_empty() {
                self.messages = 0;
                self.bytes = 0;
            } else {
                self.gather_more(limit);
            }
        }
    }

    fn gather_more(&mut self, limit: usize) {
        while self.ready.len() < limit {
            match self.more.pop_front() {
                Some(frame) => self.ready.extend_from_slice(&frame),
                None => {
                    self.messages = 0;
                    self.bytes = 0;
                    // A burst's queue is not kept at rest.
                    self.more = VecDeque::new();
                    return;
                }
            }
        }
        self.first = self.more.pop_front();
        self.messages = u32::from(self.first.is_some()) + self.more.len() as u32;
        let bytes = self
            .first
            .iter()
            .chain(&self.more)
            .map(Bytes::len)
            .sum::<usize>();
        self.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    }
}
