//! One client connection: its state machine, which is pure, and its task, which does the I/O.

mod conn;
mod machine;
mod serve;

pub(crate) use conn::Conn;
pub(crate) use machine::Machine;
pub(crate) use serve::{Panicked, panicked, poll_caught, serve};
