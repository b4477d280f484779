//! What the interop suite is made of: the Go programs beside this package, built and driven line by line, and the
//! Rust side of the same conversation. Nothing here judges; tests do.
//!
//! Without a Go toolchain no test of the suite can run; each says so on the standard error, past the capture of the
//! test harness, and counts.

pub mod player;
pub mod program;
pub mod room;
pub mod server;
pub mod toolchain;
pub mod world;

use std::time::Duration;

pub use player::{Answer, Player};
pub use room::{Clerk, Desk, DeskClient, DeskServer, ErrorBody, Room, Text};
pub use server::GoServer;
pub use toolchain::Go;
pub use world::World;

/// How long a test waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(30);
