//! How messages get into a lane and out of it, and how many may be in one.
//!
//! The lane's task takes the first message with it, so nothing is queued where messages come one by
//! one. Nothing here knows where messages go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::Forward;
use crate::app::config::InFlight;
use crate::cluster::ServerInfo;
use crate::session::{Forwarding, Session};

/// The lanes of one session, by server type.
pub(crate) type Lanes = HashMap<Arc<str>, Lane, foldhash::fast::RandomState>;

/// The entrance of one lane.
pub(crate) struct Lane {
    waiting: VecDeque<Held>,
    /// Of the lane's task, while that waits for messages.
    waker: Option<Waker>,
    load: Arc<Load>,
}

/// What is in one lane: waiting, or sent and not answered.
#[derive(Default)]
struct Load {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Load {
    /// Whether there is room; one alone may be as large as the protocol allows.
    fn has_room(&self, bytes: usize, most: &InFlight) -> bool {
        let messages = self.messages.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed) + bytes;
        messages < most.messages && (messages == 0 || bytes <= most.bytes)
    }
}

/// A message in a lane, which counts while it is there.
pub(super) struct Held {
    pub(super) message: Forward,
    /// Its place in the lane's order of arrival.
    pub(super) number: u64,
    /// Servers that did not take it.
    pub(super) tried: Vec<Arc<ServerInfo>>,
    load: Arc<Load>,
    _forwarding: Forwarding,
}

impl Held {
    fn new(message: Forward, load: &Arc<Load>, forwarding: Forwarding) -> Self {
        load.messages.fetch_add(1, Ordering::Relaxed);
        load.bytes.fetch_add(message.data.len(), Ordering::Relaxed);
        Self {
            message,
            number: 0,
            tried: Vec::new(),
            load: load.clone(),
            _forwarding: forwarding,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.load.messages.fetch_sub(1, Ordering::Relaxed);
        self.load
            .bytes
            .fetch_sub(self.message.data.len(), Ordering::Relaxed);
    }
}

/// What became of a message at the entrance.
pub(super) enum Entered {
    /// It waits for the lane's task.
    Waits,
    /// It is the first one: the lane is to be run with it.
    First(Held, Exit),
    /// There is no room.
    Refused(Forward),
}

/// Brings a message into the session's lane for this type.
pub(super) fn enter(
    session: &Session,
    kind: &Arc<str>,
    message: Forward,
    most: &InFlight,
) -> Entered {
    let (entered, waker) = session.with_lanes(|lanes| {
        if let Some(lane) = lanes.get_mut(kind) {
            if !lane.load.has_room(message.data.len(), most) {
                return (Entered::Refused(message), None);
            }
            let held = Held::new(message, &lane.load, session.forwarding());
            lane.waiting.push_back(held);
            return (Entered::Waits, lane.waker.take());
        }
        let load = Arc::<Load>::default();
        let held = Held::new(message, &load, session.forwarding());
        let exit = Exit {
            session: session.clone(),
            kind: kind.clone(),
            load: load.clone(),
        };
        let lane = Lane {
            waiting: VecDeque::new(),
            waker: None,
            load,
        };
        lanes.insert(kind.clone(), lane);
        (Entered::First(held, exit), None)
    });
    if let Some(waker) = waker {
        waker.wake();
    }
    entered
}

/// Where the lane's task takes messages out. When it is dropped the lane is gone, with what is in it.
pub(super) struct Exit {
    pub(super) session: Session,
    pub(super) kind: Arc<str>,
    load: Arc<Load>,
}

impl Exit {
    /// The next message, when there is one.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Held> {
        self.session.with_lanes(|lanes| {
            let Some(lane) = lanes.get_mut(&self.kind) else {
                return Poll::Pending;
            };
            match lane.waiting.pop_front() {
                Some(held) => Poll::Ready(held),
                None => {
                    lane.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    /// Ends the lane, unless a message waits in it.
    pub(super) fn end_if_empty(&self) -> bool {
        self.session.with_lanes(|lanes| {
            let is_empty = lanes
                .get(&self.kind)
                .is_none_or(|lane| lane.waiting.is_empty());
            if is_empty {
                lanes.remove(&self.kind);
            }
            is_empty
        })
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        // Another lane of this type may have begun. What waited is dropped without the lock.
        let gone = self.session.with_lanes(|lanes| {
            let own = lanes
                .get(&self.kind)
                .is_some_and(|lane| Arc::ptr_eq(&lane.load, &self.load));
            own.then(|| lanes.remove(&self.kind))
        });
        drop(gone);
    }
}
