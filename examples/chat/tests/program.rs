//! The program as a whole: what it prints, what it serves, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pitaya::client::{Client, DisconnectReason};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

/// Generous: only a failing test ever waits this long.
const DEADLINE: Duration = Duration::from_secs(30);

/// The program, killed when a test fails before it has ended.
struct Chat {
    process: Child,
    /// Host and port of the page.
    page: String,
}

impl Chat {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_chat"))
            .args(["--page", "127.0.0.1:0", "--socket", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"));
        let page = url.expect(&line).trim_end_matches('/').to_owned();
        Self { process, page }
    }

    /// Status line and headers, and the body.
    fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.page).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let host = &self.page;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("headers");
        (head.to_owned(), body.to_owned())
    }

    /// Where the page is told to find the game server.
    fn socket_port(&self) -> u16 {
        let (_, body) = self.ask("GET", "/config.json");
        let port = body
            .strip_prefix(r#"{"ws":"ws://:"#)
            .and_then(|rest| rest.strip_suffix(r#""}"#));
        port.and_then(|port| port.parse().ok()).expect(&body)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_page_and_its_files_are_served_with_their_types() {
    let chat = Chat::start();
    for (path, kind, content) in [
        (
            "/",
            "text/html; charset=utf-8",
            include_str!("../web/index.html"),
        ),
        (
            "/style.css",
            "text/css; charset=utf-8",
            include_str!("../web/style.css"),
        ),
        (
            "/chat.js",
            "text/javascript; charset=utf-8",
            include_str!("../web/chat.js"),
        ),
        (
            "/pitaya.js",
            "text/javascript; charset=utf-8",
            include_str!("../web/pitaya.js"),
        ),
    ] {
        let (head, body) = chat.ask("GET", path);
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        assert!(
            head.contains(&format!("content-type: {kind}\r\n")),
            "{path}: {head}"
        );
        assert_eq!(body, content, "{path}");
    }
    let (head, body) = chat.ask("HEAD", "/");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && body.is_empty(),
        "{head}"
    );
    for (method, path, status) in [
        ("GET", "/pitaya.test.mjs", "404"),
        ("GET", "/../Cargo.toml", "404"),
        ("POST", "/", "405"),
    ] {
        let (head, _) = chat.ask(method, path);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {path}: {head}"
        );
    }
}

#[test]
fn the_header_and_the_page_name_one_policy() {
    let (head, body) = Chat::start().ask("GET", "/");
    let policy = head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "));
    let policy = policy.expect("a policy");
    assert!(body.contains(&format!("content=\"{policy}\"")), "{policy}");
}

#[test]
fn the_page_is_told_where_the_game_server_listens() {
    let chat = Chat::start();
    let (head, _) = chat.ask("GET", "/config.json");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "{head}"
    );

    let mut stream = TcpStream::connect(("127.0.0.1", chat.socket_port())).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).unwrap();
    assert!(status.starts_with("HTTP/1.1 101 "), "{status}");
}

#[tokio::test]
async fn ctrl_c_ends_it_in_order() {
    let mut chat = Chat::start();
    // What it logs: the start, and at the end the end.
    let mut log = BufReader::new(chat.process.stderr.take().unwrap());
    let mut started = String::new();
    while !started.contains("all modules started!") {
        assert_ne!(log.read_line(&mut started).unwrap(), 0, "{started}");
    }
    let socket = format!("ws://127.0.0.1:{}/", chat.socket_port());
    let player = Client::connect(&socket).await.unwrap();

    kill_process(Pid::from_child(&chat.process), Signal::INT).unwrap();
    let reason = timeout(DEADLINE, player.closed()).await.unwrap();
    assert_eq!(reason, DisconnectReason::Kicked);
    let mut ended = String::new();
    log.read_to_string(&mut ended).unwrap();
    assert_eq!(chat.process.wait().unwrap().code(), Some(0), "{ended}");
    assert!(ended.contains("shut down"), "{ended}");
}

#[test]
fn a_mistyped_option_is_answered_with_the_usage() {
    let output = Command::new(env!("CARGO_BIN_EXE_chat"))
        .arg("--port")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("usage: chat [--page HOST:PORT] [--socket HOST:PORT]"),
        "{text}"
    );
}

#[test]
fn a_taken_port_is_an_error_that_names_the_option() {
    let chat = Chat::start();
    let output = Command::new(env!("CARGO_BIN_EXE_chat"))
        .args(["--page", &chat.page])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains(&chat.page) && text.contains("--page"),
        "{text}"
    );
}
