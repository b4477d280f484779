//! How several servers of one process behave as a cluster: forwarding, calls, pushes, sessions,
//! users, and who comes and goes. One module per topic.
#![allow(missing_docs)]

mod support;

mod callers;
mod forwarding;
mod ghosts;
mod hooks;
mod leaving;
mod measures;
mod metadata;
mod order;
mod originals;
mod remotes;
mod report;
mod routers;
mod sessions;
mod spans;
mod time;
mod traces;
mod unique;
mod users;
