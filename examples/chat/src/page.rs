//! Hands out the page: a few files that are part of the program, and where the WebSocket is.
//!
//! Nothing here knows of chat. A game would leave this to its web server.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type, content.
const FILES: [(&str, &str, &str); 4] = [
    ("/", HTML, include_str!("../web/index.html")),
    ("/style.css", CSS, include_str!("../web/style.css")),
    ("/chat.js", JAVASCRIPT, include_str!("../web/chat.js")),
    ("/pitaya.js", JAVASCRIPT, include_str!("../web/pitaya.js")),
];

/// Nothing but the page's own files ever runs; the page says the same of itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'";

/// Answers requests until it is dropped. `socket_port` is where the page finds the WebSocket.
pub(crate) async fn serve(listener: TcpListener, socket_port: u16) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the page cannot accept");
                // Usually too many open files: trying at once would only spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(request.method(), request.uri().path(), socket_port);
            ready(Ok::<_, Infallible>(answer))
        });
        tokio::spawn(
            http1::Builder::new()
                // Also ends connections that ask nothing more.
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

fn answer(method: &Method, path: &str, socket_port: u16) -> Response<Full<Bytes>> {
    let config = || {
        // Without a host: it is the page's own, by whatever name the browser knows it.
        let body = format!(r#"{{"ws":"ws://:{socket_port}"}}"#);
        ("application/json", Bytes::from(body))
    };
    let file = FILES
        .iter()
        .find(|(name, ..)| *name == path)
        .map(|&(_, kind, content)| (kind, Bytes::from_static(content.as_bytes())))
        .or_else(|| (path == "/config.json").then(config));
    let (status, (kind, body)) = match file {
        Some(file) if method == Method::GET || method == Method::HEAD => (StatusCode::OK, file),
        Some(_) => (
            StatusCode::METHOD_NOT_ALLOWED,
            ("text/plain", "only GET\n".into()),
        ),
        None => (StatusCode::NOT_FOUND, ("text/plain", "not here\n".into())),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A new program may have new files.
        (CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
