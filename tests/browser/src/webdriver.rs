//! As much of a WebDriver client as the tests need: JSON over HTTP/1.1 to `chromedriver`, one
//! request per connection.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::DEADLINE;
use crate::process::Process;

/// No GPU, no first-run pages, and no traffic of the browser's own.
const CHROMIUM_FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Containers give it too little shared memory.
    "--disable-dev-shm-usage",
    "--window-size=1280,800",
];

/// Answers once `holds(...)` is true, looking again after each change of the page.
const WAIT: &str = "
    const [source, values, done] = arguments;
    const holds = new Function(source);
    const look = () => { try { return holds(...values); } catch { return false; } };
    if (look()) return done(true);
    new MutationObserver((_, observer) => {
      if (!look()) return;
      observer.disconnect();
      done(true);
    }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
";

/// A `chromedriver` on a free port; dropping it ends every browser that it opened.
#[derive(Debug)]
pub struct Driver {
    port: u16,
    _process: Process,
    /// Behind the process, which writes there: fields are dropped in this order.
    _scratch: Scratch,
}

impl Driver {
    /// Starts `chromedriver`, which must be installed.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", &scratch.0);
        let (process, port) = Process::start(&mut command, |line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        })
        .context(
            "these tests need Chromium and its driver: apt-get install -y chromium chromium-driver",
        )?;
        Ok(Self {
            port,
            _process: process,
            _scratch: scratch,
        })
    }

    /// Opens a browser with a profile of its own: the driver makes a fresh `--user-data-dir` for
    /// each session.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub fn open(&self) -> Result<Browser<'_>> {
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            // Those of tests are signed by nobody.
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": CHROMIUM_FLAGS },
            "timeouts": { "script": DEADLINE.as_millis(), "pageLoad": DEADLINE.as_millis() },
        } } });
        let session = self.call("POST", "/session", &capabilities)?;
        let id = session["sessionId"]
            .as_str()
            .context("the driver opened no session")?;
        Ok(Browser {
            driver: self,
            session: format!("/session/{id}"),
        })
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let (status, mut answer) = http(self.port, method, path, body)
            .with_context(|| format!("WebDriver {method} {path}"))?;
        let value = answer["value"].take();
        if status != 200 {
            bail!(
                "WebDriver {method} {path}: {} {}",
                value["error"],
                value["message"]
            );
        }
        Ok(value)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Also ends the browsers of a test that failed before it could.
        let _ = http(self.port, "GET", "/shutdown", &Value::Null);
    }
}

/// A folder for profiles and sockets, which browsers that are told to end leave behind.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "browser-tests-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One browser with one page.
#[derive(Debug)]
pub struct Browser<'driver> {
    driver: &'driver Driver,
    session: String,
}

impl Browser<'_> {
    /// Opens a page and waits until it has loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn go(&self, url: &str) -> Result<()> {
        self.call("/url", &json!({ "url": url })).map(drop)
    }

    /// Reloads the page and waits until it has loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn reload(&self) -> Result<()> {
        self.call("/refresh", &json!({})).map(drop)
    }

    /// Types into the element that a CSS selector finds, key by key; `\u{E007}` is the enter key.
    ///
    /// # Errors
    /// When there is no such element, or it takes no keys.
    pub fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        self.call(
            &format!("/element/{}/value", self.find(selector)?),
            &json!({ "text": text }),
        )
        .map(drop)
    }

    /// Empties the field that a CSS selector finds.
    ///
    /// # Errors
    /// When there is no such element, or it cannot be edited.
    pub fn clear(&self, selector: &str) -> Result<()> {
        self.call(
            &format!("/element/{}/clear", self.find(selector)?),
            &json!({}),
        )
        .map(drop)
    }

    /// Clicks what a CSS selector finds, as a mouse would.
    ///
    /// # Errors
    /// When there is no such element, or something else covers it.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.call(
            &format!("/element/{}/click", self.find(selector)?),
            &json!({}),
        )
        .map(drop)
    }

    /// Runs a script body in the page and answers what it returns; `arguments` are `args`.
    ///
    /// # Errors
    /// When the script throws.
    pub fn run(&self, script: &str, args: &[Value]) -> Result<Value> {
        self.call("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// Runs a script body in the page and answers what it gives to its last argument, a function.
    ///
    /// # Errors
    /// When the script throws, or has not called it at the deadline.
    pub fn run_later(&self, script: &str, args: &[Value]) -> Result<Value> {
        self.call("/execute/async", &json!({ "script": script, "args": args }))
    }

    /// Waits until a script body returns something true, asking again after each change of the page.
    ///
    /// # Errors
    /// When that has not happened at the deadline; the error shows `what` and the page's text.
    pub fn wait(&self, what: &str, script: &str, args: &[Value]) -> Result<()> {
        let Err(error) = self.run_later(WAIT, &[json!(script), json!(args)]) else {
            return Ok(());
        };
        let text = self
            .run("return document.body.innerText", &[])
            .unwrap_or_default();
        Err(error.context(format!(
            "waited in vain for {what}; the page shows:\n{}",
            text.as_str().unwrap_or_default()
        )))
    }

    fn find(&self, selector: &str) -> Result<String> {
        let element = self
            .call(
                "/element",
                &json!({ "using": "css selector", "value": selector }),
            )
            .with_context(|| format!("no element {selector}"))?;
        // One entry, under a constant that the standard chose to be unmistakable.
        let reference = element
            .as_object()
            .and_then(|entries| entries.values().next());
        reference
            .and_then(Value::as_str)
            .map(str::to_owned)
            .context("the driver answered no element")
    }

    fn call(&self, path: &str, body: &Value) -> Result<Value> {
        self.driver
            .call("POST", &format!("{}{path}", self.session), body)
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        let _ = self.driver.call("DELETE", &self.session, &Value::Null);
    }
}

fn http(port: u16, method: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // The driver keeps the deadline of what it runs; this one is for the driver itself.
    stream.set_read_timeout(Some(DEADLINE + Duration::from_secs(10)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .context("no HTTP status")?;
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut answer = Vec::new();
    reader.take(length).read_to_end(&mut answer)?;
    Ok((status, serde_json::from_slice(&answer)?))
}
