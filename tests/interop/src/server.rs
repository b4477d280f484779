//! A server on the Go framework, in a process of its own.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::program::Program;
use crate::toolchain::Go;

/// A Go server that serves.
#[derive(Debug)]
pub struct GoServer {
    program: Program,
    commands: u64,
    /// Its id in the cluster.
    pub id: String,
    /// Where a frontend takes clients.
    pub address: Option<SocketAddr>,
}

/// The error of a Go call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoError {
    /// The code; empty for an error that has none.
    pub code: String,
    /// The text.
    pub text: String,
    /// The metadata; null for none.
    pub metadata: Value,
}

impl GoServer {
    /// Starts one with these flags, and waits until it serves.
    pub async fn start(go: &Go, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut program = Program::start(&go.program("server"), &flags);
        let ready = program.wait(|event| event["event"] == "ready").await;
        let text = |key: &str| ready[key].as_str().expect("a text").to_owned();
        Self {
            id: text("server"),
            address: text("address").parse().ok(),
            commands: 0,
            program,
        }
    }

    /// Carries out a command and gives its value or its error.
    pub async fn command(&mut self, mut command: Value) -> Result<Value, GoError> {
        self.commands += 1;
        let id = self.commands;
        command["id"] = json!(id);
        self.program.tell(command).await;
        let mut event = self
            .program
            .wait(|event| event["event"] == "done" && event["id"] == id)
            .await;
        let error = event["error"].take();
        if error.is_null() {
            return Ok(event["value"].take());
        }
        let text = |key: &str| error[key].as_str().expect("a text").to_owned();
        Err(GoError {
            code: text("code"),
            text: text("msg"),
            metadata: error["metadata"].clone(),
        })
    }

    /// Makes it call a remote: of any server of the type, or of the one named; with or without an argument.
    pub async fn rpc(
        &mut self,
        server: Option<&str>,
        route: &str,
        value: Option<&str>,
    ) -> Result<String, GoError> {
        let server = server.unwrap_or_default();
        let done = self
            .command(json!({"op": "rpc", "server": server, "route": route, "value": value}))
            .await?;
        Ok(done.as_str().expect("a text").to_owned())
    }

    /// Ends it without a word, as a crash would.
    pub async fn crash(&mut self) {
        self.program.kill().await;
    }

    /// Asks it to shut down, and waits until it has.
    pub async fn shutdown(&mut self) {
        self.program.tell(json!({"op": "shutdown"})).await;
        self.program.ended().await;
    }
}
