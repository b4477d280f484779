//! A program that is driven by lines of JSON and killed when its owner lets it go.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::DEADLINE;

/// The program, its input, and what it has said and nobody has taken yet.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: ChildStdin,
    events: mpsc::UnboundedReceiver<Value>,
    kept: VecDeque<Value>,
    /// What it has written on the standard error, for whoever reads why a test failed.
    log: Arc<Mutex<String>>,
}

impl Program {
    /// Starts it.
    pub fn start(path: &Path, arguments: &[String]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("the input is piped");
        let output = child.stdout.take().expect("the output is piped");
        let errors = child.stderr.take().expect("the errors are piped");
        let (sender, events) = mpsc::unbounded_channel();
        each_line(output, move |line| {
            let event = serde_json::from_str(&line).expect("the program says JSON");
            // Nobody listens any more when the test is over.
            let _ = sender.send(event);
        });
        let log = Arc::new(Mutex::new(String::new()));
        let book = log.clone();
        each_line(errors, move |line| {
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            book.push_str(&line);
            book.push('\n');
        });
        Self {
            child,
            input,
            events,
            kept: VecDeque::new(),
            log,
        }
    }

    /// Gives it a command.
    pub async fn tell(&mut self, command: Value) {
        let line = format!("{command}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("the program reads its commands");
    }

    /// The first event that `wanted` accepts, of those not taken yet.
    ///
    /// # Panics
    /// If none comes before the deadline, the program ends, or says that something failed.
    pub async fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        match self.wait_or_end(wanted).await {
            Some(event) => event,
            None => panic!("the program ended:\n{}", self.log()),
        }
    }

    /// The same, and `None` if the program ends instead.
    pub async fn wait_or_end(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        if let Some(place) = self.kept.iter().position(&wanted) {
            return self.kept.remove(place);
        }
        loop {
            let event = match timeout(DEADLINE, self.events.recv()).await {
                Ok(event) => event?,
                Err(_) => panic!("nothing came; kept: {:?}; log:\n{}", self.kept, self.log()),
            };
            if wanted(&event) {
                return Some(event);
            }
            assert_ne!(event["event"], "failed", "{event}; log:\n{}", self.log());
            self.kept.push_back(event);
        }
    }

    /// Ends it without asking, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the program can be killed");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) {
        let ended = timeout(DEADLINE, self.child.wait()).await;
        ended
            .expect("the program ends in time")
            .expect("the program can be waited for");
    }

    /// Its standard error so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Calls `take` with every line until the end.
fn each_line(
    stream: impl AsyncRead + Send + Unpin + 'static,
    mut take: impl FnMut(String) + Send + 'static,
) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            take(line);
        }
    });
}
