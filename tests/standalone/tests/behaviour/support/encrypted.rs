//! Apps behind TLS, and clients that connect to them.

use pitaya::app::AppBuilder;
use pitaya::client::{Client, Error};
use pitaya::tls::{ClientTls, ServerTls};
use pitaya::{App, Config, Tcp, WebSocket};
use standalone_tests::RawClient;
use standalone_tests::authority::Authority;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Book, app_with, in_time, stage};

/// TLS on TCP first, then on WebSocket.
pub(crate) fn encrypted(
    book: &Book,
    tls: &ServerTls,
    change: impl FnOnce(&mut Config),
) -> AppBuilder {
    served(book, change)
        .acceptor(Tcp::bind("127.0.0.1:0").tls(tls.clone()))
        .acceptor(WebSocket::bind("127.0.0.1:0").tls(tls.clone()))
}

/// An app that is counted, without acceptors.
pub(crate) fn served(book: &Book, change: impl FnOnce(&mut Config)) -> AppBuilder {
    let app = app_with(change).handler(stage().0);
    app.recorder(book.recorder())
}

pub(crate) async fn start(book: &Book, tls: &ServerTls) -> App {
    let app = encrypted(book, tls, |_| {}).start().await;
    app.expect("the app starts")
}

/// Where a client finds the app: by TLS, then by wss.
pub(crate) fn targets(app: &App) -> [String; 2] {
    let port = |acceptor| app.local_addr(acceptor).unwrap().port();
    [
        format!("tls://127.0.0.1:{}", port(0)),
        format!("wss://127.0.0.1:{}/game", port(1)),
    ]
}

/// A connection in clear.
pub(crate) async fn socket(app: &App, acceptor: usize) -> TcpStream {
    let address = app.local_addr(acceptor).unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// A client over TLS that has shaken hands.
pub(crate) async fn player(authority: &Authority, app: &App) -> RawClient<TlsStream<TcpStream>> {
    let stream = authority.connect(app.local_addr(0).unwrap()).await;
    let mut client = RawClient::over(stream);
    client.shake_hands().await;
    client
}

pub(crate) async fn plays(client: &mut RawClient<TlsStream<TcpStream>>) {
    assert_eq!(client.call(1, "stage.echo", b"fine").await.text(), "fine");
}

pub(crate) async fn try_connect(target: &str, tls: ClientTls) -> Result<Client, Error> {
    in_time(Client::builder().tls(tls).connect(target)).await
}
