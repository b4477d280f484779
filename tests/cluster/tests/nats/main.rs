//! Calls over a real nats-server: bytes, errors, limits, bad input, users, outages, whole apps, measures.
#![allow(missing_docs)]

mod apps;
mod bus;
mod bytes;
mod calls;
mod ghosts;
mod lists;
mod measures;
mod nonsense;
mod outage;
mod peer;
mod users;
