//! The parent's side of a server under test: starts it, reads its costs from `/proc`, stops and continues it.
//!
//! A child never outlives its handle.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{self, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{server::Subject, tls::Trust, wire::Transport};

/// How long anything that should happen at once may take, on a busy machine and under valgrind.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How the server is run.
#[derive(Clone, Copy)]
pub(crate) enum Under<'a> {
    Nothing,
    /// Under valgrind, which writes its counts to this file when the server ends.
    Callgrind(&'a Path),
}

/// A running server.
pub(crate) struct Child {
    process: process::Child,
    pid: Pid,
    /// What it says, line by line.
    lines: mpsc::Receiver<io::Result<String>>,
    /// Where clients connect; unspecified where none do.
    pub(crate) address: SocketAddr,
    /// What others have to know of it.
    pub(crate) record: String,
    /// Its certificate, if it speaks TLS.
    pub(crate) trust: Option<Trust>,
}

/// Where a server runs, and what it calls others over.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) core: usize,
    pub(crate) bus: Option<&'a str>,
}

impl Child {
    pub(crate) fn spawn(
        subject: Subject,
        transport: Transport,
        place: Place<'_>,
        under: Under<'_>,
    ) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = match under {
            Under::Nothing => Command::new(program),
            Under::Callgrind(counts) => {
                let mut command = Command::new("valgrind");
                command.args(["--quiet", "--tool=callgrind"]);
                command
                    .arg(format!("--callgrind-out-file={}", counts.display()))
                    .arg(program);
                command
            }
        };
        command.args(["serve", subject.name(), transport.name()]);
        command.arg(place.core.to_string()).args(place.bus);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| match under {
                Under::Callgrind(_) => anyhow::Error::new(error)
                    .context("could not run valgrind (Debian package `valgrind`)"),
                Under::Nothing => error.into(),
            })?;
        let pid = Pid::from_child(&process);
        let lines = match process.stdout.take() {
            Some(stdout) => read_lines(stdout),
            None => bail!("no output to read"),
        };
        let mut child = Self {
            process,
            pid,
            lines,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            record: String::new(),
            trust: None,
        };
        let started = child.started(transport);
        started.with_context(|| format!("the {} server did not start", subject.name()))?;
        Ok(child)
    }

    fn started(&mut self, transport: Transport) -> Result<()> {
        let line = self.line()?;
        let (address, record) = line.split_once(' ').context("no record")?;
        self.address = address
            .parse()
            .with_context(|| format!("not an address: {line:?}"))?;
        if transport == Transport::Tls {
            self.trust = Some(Trust::read(record)?);
        }
        self.record = record.to_owned();
        Ok(())
    }

    /// Has the server do something, and waits until it is done: its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String> {
        let stdin = self.process.stdin.as_mut().context("no input to write")?;
        writeln!(stdin, "{line}")?;
        self.line().with_context(|| format!("asked to {line}"))
    }

    fn line(&self) -> Result<String> {
        let line = self.lines.recv_timeout(DEADLINE);
        Ok(line.context("the server does not answer")??)
    }

    /// CPU time the server has used, in nanoseconds. Exact once it has come to rest.
    pub(crate) fn cpu_at_rest(&self) -> Result<u64> {
        self.wait_until_at_rest()?;
        let mut total = 0;
        for task in self.tasks()? {
            let text = fs::read_to_string(task.join("schedstat"))?;
            let time = text.split_whitespace().next().context("empty schedstat")?;
            total += time.parse::<u64>().context("schedstat is no number")?;
        }
        Ok(total)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_at_rest(&self) -> Result<u64> {
        self.wait_until_at_rest()?;
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = fs::read_to_string(path)?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Rss:"))
            .context("no Rss in smaps_rollup")?;
        let kilobytes = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .context("Rss is no number")?;
        Ok(kilobytes * 1024)
    }

    /// Waits until the server has nothing left to do.
    pub(crate) fn wait_until_at_rest(&self) -> Result<()> {
        self.wait_for(&['S'], "come to rest")
    }

    /// Takes the server off its core; answers when all of its threads have stopped.
    pub(crate) fn stop(&self) -> Result<()> {
        kill_process(self.pid, Signal::STOP)?;
        self.wait_for(&['T', 't'], "stop")
    }

    /// Lets a stopped server run again.
    pub(crate) fn resume(&self) -> Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Ends the server in good order, so that what it runs under can write its counts.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(start.elapsed() < DEADLINE, "the server did not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until every thread of the server has been seen in one of `states`, twice in a row.
    fn wait_for(&self, states: &[char], what: &str) -> Result<()> {
        let start = Instant::now();
        let mut seen = 0;
        while seen < 2 {
            seen = if self.all_in(states)? { seen + 1 } else { 0 };
            if start.elapsed() > DEADLINE {
                bail!("the server did not {what}");
            }
            thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }

    fn all_in(&self, states: &[char]) -> Result<bool> {
        for task in self.tasks()? {
            let text = fs::read_to_string(task.join("stat"))?;
            // The name of the program stands in brackets before the state and may hold anything.
            let state = text
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next())
                .context("no state in stat")?;
            if !states.contains(&state) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn tasks(&self) -> Result<Vec<std::path::PathBuf>> {
        let folder = format!("/proc/{}/task", self.pid);
        let entries = fs::read_dir(folder).context("the server is gone")?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Ends stopped processes too. Fails only for one that was reaped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a child's output. Ends when nobody listens any more, or with the child.
fn read_lines(stdout: process::ChildStdout) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
