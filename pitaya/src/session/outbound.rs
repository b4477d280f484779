//! What waits to be written to one client: one place, one order.
//!
//! Replies, pushes and control packets of a connection meet here, so that they leave in the order in
//! which they were queued: a push made inside a handler precedes its response. The lock is held for
//! a few instructions only: never across an await, a wake, a system call or user code.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

use super::backlog::Backlog;
use super::latest::Latest;
use crate::scratch::{self, Scratch};
use crate::sync::{AtomicBool, Mutex, Ordering};

/// How much may wait for one client, and what waits for all together.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    /// Keys of [`Outbound::push_latest`] that are told apart.
    pub(crate) keys: usize,
    pub(crate) backlog: Backlog,
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
    /// What most queues lack.
    rare: Option<Box<Rare>>,
    gate: Gate,
    end: Option<End>,
    /// Set by the first message of a burst, so that a burst wakes once.
    dirty: bool,
    /// Wakes the connection's task; used up by that.
    waker: Option<Waker>,
}

#[derive(Default)]
struct Rare {
    /// What the socket has refused of the last batch; 0 while it takes everything.
    unsent: u32,
    /// What of the queue is in the app's backlog.
    counted: u32,
    /// Where in `more` the messages with a key are. While there are any, `more` is not empty.
    latest: Latest,
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

/// How a frame with a key was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyed {
    /// No message of this key waited.
    Added,
    /// One waited, which will not leave.
    Replaced,
    /// Like any other frame: too many keys wait.
    Plain,
}

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replied {
    Queued,
    /// It was queued, and now more waits than the bounds allow, for a client that takes nothing.
    Over,
    Closed,
}

/// What waits for one client at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) gate: Gate,
    pub(crate) ended: bool,
    pub(crate) messages: u32,
    /// Encoded replies and the unsent part of a batch included.
    pub(crate) bytes: u64,
    /// The socket takes nothing at the moment.
    pub(crate) stalled: bool,
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
                rare: None,
                gate: Gate::Held,
                end: None,
                dirty: false,
                waker: None,
            }),
        }
    }

    /// Whoever changes something from now on wakes the connection's task. To be called by that before
    /// it looks at anything whose change it waits for, else it sleeps through it.
    pub(crate) fn register(&self, waker: &Waker) {
        self.queue.lock().register(waker);
    }

    /// Makes the connection's task look again, for news that are not in the queue.
    pub(crate) fn wake_now(&self) {
        let waker = self.queue.lock().waker.take();
        wake(waker);
    }

    /// Queues one shared frame: how many more messages may be queued.
    pub(crate) fn push(&self, frame: Bytes, bounds: &Bounds) -> Result<usize, Refused> {
        let (room, waker, over) = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                return Err(Refused::Closed);
            }
            let bytes = queue.bytes as usize + frame.len();
            // A frame that is alone may be as large as the protocol allows.
            if queue.messages > 0
                && (bytes > bounds.bytes || queue.messages as usize >= bounds.messages)
            {
                return Err(Refused::Full);
            }
            queue.bytes = small(bytes);
            queue.messages += 1;
            queue.append(frame);
            (
                bounds.messages.saturating_sub(queue.messages as usize),
                queue.waker_of_burst(),
                queue.is_counted() && queue.recount(&bounds.backlog),
            )
        };
        wake(waker);
        bounds.backlog.call_if(over);
        Ok(room)
    }

    /// Queues a frame behind everything else, in place of the one with the same key that still waits.
    pub(crate) fn push_latest(
        &self,
        key: &str,
        frame: Bytes,
        bounds: &Bounds,
    ) -> Result<(usize, Keyed), Refused> {
        let (room, keyed, waker, over) = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                return Err(Refused::Closed);
            }
            let keyed = queue.put_latest(key, frame, bounds)?;
            (
                bounds.messages.saturating_sub(queue.messages as usize),
                keyed,
                queue.waker_of_burst(),
                queue.recount(&bounds.backlog),
            )
        };
        wake(waker);
        bounds.backlog.call_if(over);
        Ok((room, keyed))
    }

    /// Appends one encoded frame behind everything queued so far: a reply, made by the connection's
    /// own task, whose turn writes it. Nothing bounds it, because no call starts while the socket is
    /// blocked.
    #[inline]
    pub(crate) fn reply(&self, write: impl FnOnce(&mut Vec<u8>)) -> Replied {
        let mut queue = self.queue.lock();
        if queue.end.is_some() {
            return Replied::Closed;
        }
        queue.put_reply(write);
        Replied::Queued
    }

    /// The same from another task. Bounded by the number of calls under way; what waits for a client
    /// that takes nothing is bounded in bytes as well.
    pub(crate) fn reply_beside(
        &self,
        write: impl FnOnce(&mut Vec<u8>),
        bounds: &Bounds,
    ) -> Replied {
        let (waker, over_all, over) = {
            let mut queue = self.queue.lock();
            if queue.end.is_some() {
                return Replied::Closed;
            }
            queue.put_reply(write);
            let over = queue.unsent() > 0 && queue.ready.len() > bounds.bytes;
            let over_all = queue.recount(&bounds.backlog);
            (queue.waker_of_burst(), over_all, over)
        };
        wake(waker);
        bounds.backlog.call_if(over_all);
        if over { Replied::Over } else { Replied::Queued }
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
    pub(crate) fn set_gate(&self, gate: Gate, bounds: &Bounds) {
        let over = {
            let mut queue = self.queue.lock();
            queue.gate = gate;
            queue.recount(&bounds.backlog)
        };
        bounds.backlog.call_if(over);
    }

    /// The socket has taken all of the last batch but this many bytes; the connection's task only.
    pub(crate) fn stalled(&self, unsent: usize, bounds: &Bounds) {
        let over = {
            let mut queue = self.queue.lock();
            if unsent > 0 || queue.rare.is_some() {
                queue.rare.get_or_insert_default().unsent = small(unsent);
            }
            queue.recount(&bounds.backlog)
        };
        bounds.backlog.call_if(over);
    }

    /// What waits at the moment.
    pub(crate) fn waiting(&self) -> Waiting {
        let queue = self.queue.lock();
        Waiting {
            gate: queue.gate,
            ended: queue.end.is_some(),
            messages: queue.messages,
            bytes: queue.ready.len() as u64 + u64::from(queue.bytes) + u64::from(queue.unsent()),
            stalled: queue.unsent() > 0,
        }
    }

    /// How much of the app's backlog is this client's.
    pub(crate) fn counted(&self) -> u32 {
        let queue = self.queue.lock();
        queue.rare.as_ref().map_or(0, |rare| rare.counted)
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

    /// What may leave, up to a batch; empty when there is nothing. What comes later wakes the
    /// connection's task, which alone may call this.
    pub(crate) fn take(&self, waker: &Waker) -> Vec<u8> {
        let mut queue = self.queue.lock();
        queue.register(waker);
        queue.dirty = false;
        if queue.gate == Gate::Open {
            queue.gather(BATCH);
        }
        let batch = std::mem::take(&mut queue.ready);
        drop(queue);
        batch
    }

    /// Ends the queue and drops what waits: how many messages that were.
    pub(crate) fn clear(&self, bounds: &Bounds) -> u32 {
        let mut queue = self.queue.lock();
        queue.end = Some(End::Drop);
        let dropped = queue.messages;
        queue.ready = Vec::new();
        queue.first = None;
        queue.more = VecDeque::new();
        queue.messages = 0;
        queue.bytes = 0;
        queue.recount(&bounds.backlog);
        queue.rare = None;
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

/// A number of bytes that wait, as a count.
fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Queue {
    #[inline]
    fn register(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    #[inline]
    fn put_reply(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        match self.gate {
            Gate::Open => {
                self.gather(usize::MAX);
                write(self.ready());
            }
            Gate::Held => {
                let mut frame = Vec::new();
                write(&mut frame);
                self.append(frame.into());
            }
        }
    }

    /// Whether what waits here is part of the app's backlog: the client does not keep up, or nothing
    /// may leave yet.
    fn is_counted(&self) -> bool {
        self.gate == Gate::Held || self.unsent() > 0
    }

    fn unsent(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.unsent)
    }

    /// Brings the app's backlog up to date: whether that has grown and is too large.
    #[cold]
    fn recount(&mut self, backlog: &Backlog) -> bool {
        let unsent = self.unsent();
        let counted = if !self.is_counted() || self.end == Some(End::Drop) {
            0
        } else if unsent > 0 {
            let ready = small(self.ready.len());
            unsent.saturating_add(self.bytes).saturating_add(ready)
        } else {
            self.bytes
        };
        if counted == 0 && self.rare.is_none() {
            return false;
        }
        let rare = self.rare.get_or_insert_default();
        let earlier = std::mem::replace(&mut rare.counted, counted);
        if counted == 0 && rare.unsent == 0 && rare.latest.is_empty() {
            self.rare = None;
        }
        backlog.change(earlier, counted)
    }

    /// Queues a frame with a key, if there is room without the one that it replaces.
    fn put_latest(&mut self, key: &str, frame: Bytes, bounds: &Bounds) -> Result<Keyed, Refused> {
        let earlier = self.rare.as_ref().and_then(|rare| rare.latest.place(key));
        let earlier_len = earlier
            .and_then(|place| self.more.get(place))
            .map_or(0, Bytes::len);
        let others = self.messages.saturating_sub(u32::from(earlier.is_some()));
        let bytes = (self.bytes as usize + frame.len()).saturating_sub(earlier_len);
        if others > 0 && (bytes > bounds.bytes || others as usize >= bounds.messages) {
            return Err(Refused::Full);
        }
        self.bytes = small(bytes);
        self.messages = others + 1;
        let latest = &mut self.rare.get_or_insert_default().latest;
        if earlier.is_none() && latest.len() >= bounds.keys {
            self.append(frame);
            return Ok(Keyed::Plain);
        }
        if let Some(place) = earlier {
            self.more.remove(place);
            latest.removed(place);
        }
        latest.put(key, self.more.len());
        // With nothing in `first` nobody would look into `more`.
        self.first.get_or_insert_default();
        self.more.push_back(frame);
        Ok(match earlier {
            Some(_) => Keyed::Replaced,
            None => Keyed::Added,
        })
    }

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
        if self.first.is_some() {
            self.gather_queued(limit);
        }
    }

    fn gather_queued(&mut self, limit: usize) {
        if let Some(first) = self.first.take() {
            self.ready().extend_from_slice(&first);
        }
        if self.more.is_empty() {
            self.messages = 0;
            self.bytes = 0;
        } else {
            self.gather_more(limit);
        }
    }

    fn gather_more(&mut self, limit: usize) {
        let before = self.more.len();
        while self.ready.len() < limit
            && let Some(frame) = self.more.pop_front()
        {
            self.ready.extend_from_slice(&frame);
        }
        if self.more.is_empty() {
            self.messages = 0;
            self.bytes = 0;
            // A burst's queue is not kept at rest.
            self.more = VecDeque::new();
            self.forget_keys();
            return;
        }
        let taken = before - self.more.len();
        let keyed = self.rare.as_mut().is_some_and(|rare| {
            rare.latest.popped(taken);
            !rare.latest.is_empty()
        });
        self.first = if keyed {
            Some(Bytes::new())
        } else {
            self.more.pop_front()
        };
        let frames = self.first.iter().chain(&self.more);
        let (messages, bytes) = frames.fold((0, 0), |(messages, bytes), frame| {
            (messages + u32::from(!frame.is_empty()), bytes + frame.len())
        });
        self.messages = messages;
        self.bytes = small(bytes);
    }

    /// No message with a key waits any more.
    fn forget_keys(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.latest = Latest::default();
            if rare.counted == 0 && rare.unsent == 0 {
                self.rare = None;
            }
        }
    }
}
