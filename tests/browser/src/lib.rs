//! What the browser tests stand on: the chat example as a process, and headless Chromium behind
//! WebDriver.
//!
//! Nothing here sleeps or polls: a wait blocks on the event itself (a line of output, a mutation of
//! the page) and fails at its deadline.

mod chat;
mod process;
mod webdriver;

use std::time::Duration;

pub use chat::Chat;
pub use webdriver::{Browser, Driver};

/// How long anything that a test waits for may take. Generous, because it is only ever spent by a
/// test that fails.
pub const DEADLINE: Duration = Duration::from_secs(60);
