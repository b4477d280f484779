//! Chromium's own WebSocket against the acceptor: over ws and wss, with sub-protocols, and from a page
//! that is not served.

use std::io::{Read, Write};

use anyhow::Result;
use browser_tests::Driver;
use pitaya::tls::{Pem, ServerTls};
use pitaya::{App, Bytes, Config, WebSocket, handler};
use serde_json::{Value, json};

struct Echo;

#[handler]
impl Echo {
    async fn echo(&self, body: Bytes) -> pitaya::Result<Bytes> {
        Ok(body)
    }
}

/// Opens a WebSocket, shakes hands, asks for an echo of each of these sizes, and breaks a rule: what was
/// agreed on, the sizes that came back, and how it ended.
const PLAY: &str = "
    const [address, protocols, sizes, done] = arguments;
    const socket = new WebSocket(address, protocols);
    const came = [];
    const packet = (kind, body) => {
      const size = body.length;
      return new Uint8Array([kind, size >> 16, size >> 8 & 255, size & 255, ...body]);
    };
    const ask = () => {
      const route = [...'echo.echo'].map((char) => char.charCodeAt(0));
      const body = new Array(sizes[came.length]).fill(120);
      socket.send(packet(4, [0, 1, route.length, ...route, ...body]));
    };
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(packet(1, [123, 125]));
    socket.onmessage = ({ data }) => {
      const kind = new Uint8Array(data)[0];
      if (kind === 1) {
        socket.send(packet(2, []));
        ask();
      } else if (kind === 4) {
        came.push(data.byteLength - 6);
        if (came.length < sizes.length) ask(); else socket.send(packet(7, []));
      }
    };
    socket.onclose = ({ code, wasClean }) =>
      done({ protocol: socket.protocol, extensions: socket.extensions, came, code, wasClean });
";

/// An empty page from this machine: one from nowhere may not connect to it.
fn page() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut browser in listener.incoming().flatten() {
            let _ = browser.read(&mut [0; 4096]);
            let _ = browser.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    Ok(format!("http://{address}/"))
}

#[test]
fn chromium_plays_over_ws_and_wss() -> Result<()> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()])?.self_signed(&key)?;
    let tls = ServerTls::new(
        Pem::value(certificate.pem()),
        Pem::value(key.serialize_pem()),
    );
    let runtime = tokio::runtime::Runtime::new()?;
    let websocket = || WebSocket::bind("127.0.0.1:0").protocols(["pitaya"]);
    let app = App::builder("game")
        .config(Config::for_test())
        .handler(Echo)
        .acceptor(websocket())
        .acceptor(websocket().tls(tls))
        .acceptor(websocket().origins(["https://game.example"]));
    let app = runtime.block_on(app.start())?;
    let address = |scheme: &str, acceptor| {
        let address = app.local_addr(acceptor).expect("the app listens");
        format!("{scheme}://{address}/game")
    };

    let driver = Driver::start()?;
    let browser = driver.open()?;
    browser.go(&page()?)?;
    // Every form of a frame's length, both ways.
    let sizes = json!([0, 108, 109, 119, 120, 65_500, 70_000]);
    for address in [address("ws", 0), address("wss", 1)] {
        let arguments = [json!(address), json!(["other", "pitaya"]), sizes.clone()];
        let found = browser.run_later(PLAY, &arguments)?;
        let expected = json!({
            "protocol": "pitaya", "extensions": "", "came": sizes, "code": 1002, "wasClean": true,
        });
        assert_eq!(found, expected, "{address}");
    }
    // This page is of no origin that is listed; and a browser insists on what it has asked for.
    for (address, protocols) in [
        (address("ws", 2), json!([])),
        (address("ws", 0), json!(["other"])),
    ] {
        let arguments = [json!(address), protocols, json!([])];
        let found: Value = browser.run_later(PLAY, &arguments)?;
        assert_eq!(found["code"], 1006, "{found}");
    }
    drop(browser);
    runtime.block_on(app.shutdown());
    Ok(())
}
