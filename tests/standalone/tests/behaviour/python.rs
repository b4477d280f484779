//! A WebSocket client of another world: Python's `websockets`, which is strict about the standard.

use std::path::Path;

use pitaya::WebSocket;
use standalone_tests::authority::Authority;

use super::support::{Book, app, eventually, in_time, stage};

/// A Python that has the library; where several are installed, only the system's may have it.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

async fn python() -> &'static str {
    for python in PYTHONS {
        let mut import = tokio::process::Command::new(python);
        import.args(["-c", "import websockets"]);
        if import
            .output()
            .await
            .is_ok_and(|output| output.status.success())
        {
            return python;
        }
    }
    panic!("Python has no websockets: apt-get install -y python3-websockets, see tests/run");
}

#[tokio::test]
async fn a_python_client_plays_over_ws_and_wss() {
    let (authority, book) = (Authority::new(), Book::default());
    let websocket = || {
        WebSocket::bind("127.0.0.1:0")
            .paths(["/game"])
            .origins(["https://game.example"])
            .protocols(["pitaya"])
            .max_frame(1_000_000)
    };
    let app = app().handler(stage().0).recorder(book.recorder());
    let app = app
        .acceptor(websocket())
        .acceptor(websocket().tls(authority.server()));
    let app = app.start().await.unwrap();
    let certificate = std::env::temp_dir().join(format!("python-{}.pem", std::process::id()));
    std::fs::write(&certificate, authority.certificate()).unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour/python.py");
    let python = python().await;
    for (n, scheme) in ["ws", "wss"].into_iter().enumerate() {
        let mut command = tokio::process::Command::new(python);
        command.arg(&script);
        command.arg(format!(
            "{scheme}://127.0.0.1:{}",
            app.local_addr(n).unwrap().port()
        ));
        if scheme == "wss" {
            command.arg(&certificate);
        }
        let output = in_time(command.kill_on_drop(true).output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{scheme}: {said}");
    }
    std::fs::remove_file(&certificate).unwrap();

    for (cause, count) in [("upgrade_path", 2.0), ("upgrade_origin", 2.0)] {
        eventually(cause, || book.refused(cause) == count).await;
    }
    // What it was closed for is counted too; the others it has closed itself.
    eventually("broken rules", || book.closed("protocol") == 6.0).await;
    app.shutdown().await;
}
