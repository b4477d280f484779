//! A child process that announces its address on standard output and ends with its owner.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::DEADLINE;

/// Kills its process when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command` and waits for the first line of its output in which `find` finds something.
    pub(crate) fn start<T>(
        command: &mut Command,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let process = Self(child);

        let (sender, lines) = mpsc::channel();
        // Reads to the end, found or not: a full pipe would stop the process.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });

        let deadline = Instant::now() + DEADLINE;
        let mut output = String::new();
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match find(&line) {
                    Some(found) => return Ok((process, found)),
                    None => output = output + &line + "\n",
                },
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{command:?} announced nothing in {DEADLINE:?}:\n{output}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{command:?} ended without announcing itself:\n{output}")
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
