//! The conformance server as its suites meet it: the program itself in a process of its own, spoken
//! to byte by byte over TCP and WebSocket, with both serializers; alone, and in sets of four over a real
//! etcd and NATS, in which a server on the Go framework may take the place of one of ours.
#![allow(missing_docs)]

mod calls;
mod dialect;
mod doors;
mod ending;
mod members;
mod mixed;
mod players;
mod process;
mod pushes;
mod rows;
mod set;
mod users;
