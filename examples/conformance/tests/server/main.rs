//! The conformance server as its suites meet it: the program itself in a process of its own, spoken
//! to byte by byte over TCP and WebSocket, with both serializers.
#![allow(missing_docs)]

mod dialect;
mod doors;
mod ending;
mod players;
mod process;
mod pushes;
mod rows;
