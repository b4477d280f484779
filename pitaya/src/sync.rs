//! Locks and atomics of the code that is also run under a model checker: `tests/concurrency` holds
//! that code with a module of this name and other primitives.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use parking_lot::Mutex;
