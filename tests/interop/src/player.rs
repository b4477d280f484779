//! A client on the Go client package, in a process of its own: its route dictionary belongs to the process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::program::Program;
use crate::toolchain::Go;

/// A connected Go client.
#[derive(Debug)]
pub struct Player(Program);

/// How a response came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The error bit.
    pub error: bool,
    /// The body, inflated.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

impl Player {
    /// Connects over TCP with the Go client's own handshake data.
    pub async fn connect(go: &Go, address: SocketAddr) -> Self {
        Self::connect_with(go, address, json!({})).await
    }

    /// The same, and `options` may say `webSocket`, `tls`, `timeoutMs`, `user`, and `docs` with `pushes`: the route that
    /// answers the server's documentation, and message names by push route. Then bodies are JSON for the caller and
    /// protobuf on the wire; one request at a time, as the Go client knows only the last one's type.
    pub async fn connect_with(go: &Go, address: SocketAddr, options: Value) -> Self {
        let mut program = Program::start(&go.program("player"), &[]);
        let mut command = json!({"op": "connect", "address": address.to_string()});
        for (key, value) in options.as_object().expect("options are an object") {
            command[key] = value.clone();
        }
        program.tell(command).await;
        program.wait(|event| event["event"] == "connected").await;
        Self(program)
    }

    /// Sends a request, and gives its id. Waits while 30 are unanswered.
    pub async fn request(&mut self, route: &str, body: &[u8]) -> u64 {
        self.send("request", route, body).await
    }

    /// The answer to the request of this id.
    pub async fn answer(&mut self, id: u64) -> Answer {
        let event = self
            .0
            .wait(|event| {
                event["event"] == "message" && event["kind"] == "Response" && event["id"] == id
            })
            .await;
        Answer {
            error: event["error"] == true,
            body: body_of(&event),
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn call(&mut self, route: &str, body: &[u8]) -> Answer {
        let id = self.request(route, body).await;
        self.answer(id).await
    }

    /// Sends a notify.
    pub async fn notify(&mut self, route: &str, body: &[u8]) {
        self.send("notify", route, body).await;
    }

    /// The body of the next push of this route.
    pub async fn push(&mut self, route: &str) -> Vec<u8> {
        let event = self
            .0
            .wait(|event| {
                event["event"] == "message" && event["kind"] == "Push" && event["route"] == route
            })
            .await;
        body_of(&event)
    }

    /// The routes that the server's documentation told of, sorted.
    pub async fn learned(&mut self) -> Vec<String> {
        let mut event = self.0.wait(|event| event["event"] == "learned").await;
        let mut routes: Vec<String> =
            serde_json::from_value(event["routes"].take()).expect("routes");
        routes.sort();
        routes
    }

    /// The dictionary that it was given.
    pub async fn dictionary(&mut self) -> BTreeMap<String, u16> {
        self.0.tell(json!({"op": "dictionary"})).await;
        let mut event = self.0.wait(|event| event["event"] == "dictionary").await;
        serde_json::from_value(event["codes"].take()).expect("codes by route")
    }

    /// Waits until the server has ended the connection. The Go client shows no reason.
    pub async fn disconnected(&mut self) {
        // Its two tasks may both close the same channel when a kick and the end come together: that ends the program.
        self.0
            .wait_or_end(|event| event["event"] == "disconnected")
            .await;
    }

    /// Leaves.
    pub async fn disconnect(mut self) {
        self.0.tell(json!({"op": "disconnect"})).await;
        self.disconnected().await;
    }

    async fn send(&mut self, op: &str, route: &str, body: &[u8]) -> u64 {
        self.0
            .tell(json!({"op": op, "route": route, "body": STANDARD.encode(body)}))
            .await;
        let sent = self.0.wait(|event| event["event"] == "sent").await;
        sent["id"].as_u64().expect("an id")
    }
}

fn body_of(event: &Value) -> Vec<u8> {
    // A body of no bytes may be null.
    let text = event["body"].as_str().unwrap_or_default();
    STANDARD.decode(text).expect("the body is base64")
}
