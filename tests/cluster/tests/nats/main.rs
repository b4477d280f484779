//! Calls over a real nats-server: bytes, errors, limits, bad input, users, outages, whole apps, measures.
#![allow(missing_docs)]

mod apps;
mod bus;
mod bytes;
mod calls;
mod measures;
mod outage;
mod peer;
mod users;
