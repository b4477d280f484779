//! The chat example, built by cargo and started on free ports.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::Process;

/// A running chat server; it ends when this is dropped.
#[derive(Debug)]
pub struct Chat {
    page: String,
    program: String,
    process: Process,
}

impl Chat {
    /// Builds the example as the tests themselves were built, and starts it.
    ///
    /// # Errors
    /// When it does not build, does not start, or announces no page.
    pub fn start() -> Result<Self> {
        Self::start_at(build()?, "127.0.0.1:0")
    }

    /// Ends the server without a word, as a crash does, lets `meanwhile` see that, and starts it
    /// again: the page is where it was, the WebSocket is elsewhere.
    ///
    /// # Errors
    /// Those of `meanwhile`, and when it does not start any more.
    pub fn restart(self, meanwhile: impl FnOnce() -> Result<()>) -> Result<Self> {
        let Self {
            page,
            program,
            process,
        } = self;
        drop(process);
        meanwhile()?;
        let address = page.trim_start_matches("http://").trim_end_matches('/');
        Self::start_at(program, address)
    }

    fn start_at(program: String, page: &str) -> Result<Self> {
        let mut command = Command::new(&program);
        command.args(["--page", page, "--socket", "127.0.0.1:0"]);
        let (process, page) = Process::start(&mut command, |line| {
            line.split_whitespace()
                .find(|word| word.starts_with("http://"))
                .map(str::to_owned)
        })?;
        Ok(Self {
            page,
            program,
            process,
        })
    }

    /// The address of the page.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }
}

/// Builds the example and answers the path of its program: cargo tells a test only the programs of
/// the test's own package.
fn build() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "chat",
        "--bin",
        "chat",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "the chat example does not build");
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "chat")
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .context("cargo named no program for the chat example")
}
