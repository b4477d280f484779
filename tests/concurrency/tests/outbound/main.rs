//! The outbound queue in every order in which threads can reach it.
//!
//! This holds the library's own file; `sync` below puts the locks and atomics of a model checker,
//! loom, in place of the ordinary ones. The checker runs each model again and again, with another
//! order of steps each time, until there is none left (up to a number of switches away from a thread
//! that could have gone on), and reports a thread that nobody wakes as a deadlock.
#![allow(missing_docs, dead_code)]

#[path = "../../../../pitaya/src/session/backlog.rs"]
mod backlog;
#[path = "../../../../pitaya/src/session/latest.rs"]
mod latest;
#[path = "../../../../pitaya/src/session/outbound.rs"]
mod outbound;
#[path = "../../../../pitaya/src/scratch.rs"]
mod scratch;

mod models;

/// What `pitaya::sync` is in the library.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().expect("no thread panics")
        }
    }
}
