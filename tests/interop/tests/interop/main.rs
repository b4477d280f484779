//! Go clients and servers next to Rust ones. Standing alone: `clients` are Go clients at a Rust frontend, which ask it
//! for its `documentation`, `frontends` is a Rust client at a Go frontend. In one cluster: `forwarding` of what clients
//! send, `calls` between servers, `users` that servers push to and kick, `members` that come and go, `traces` through
//! both.
#![allow(missing_docs)]

mod clients;
mod documentation;
mod frontends;

mod calls;
mod forwarding;
mod members;
mod traces;
mod users;
