//! The acceptors that flags add or change.

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::dialect::response;
use crate::players::{Player, Transport};
use crate::process::{DEADLINE, Server};

const ECHO: &str = "connector.testsvc.testrequestreceivereturnsraw";

#[tokio::test]
async fn a_header_of_the_proxy_protocol_can_be_required() {
    let server = Server::start(&["-proxyprotocol"]).await;
    let address = server.address(Transport::Tcp);
    for header in [
        &b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x9c\x40\x0c\xb2",
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(header).await.unwrap();
        let mut player = Player::over(socket, Transport::Tcp).await;
        assert_eq!(player.call(1, ECHO, b"hi").await, response(1, b"hi"));
    }
    let mut bare = TcpStream::connect(address).await.unwrap();
    bare.write_all(b"\x01\0\0\x02{}").await.unwrap();
    let ended = timeout(DEADLINE, bare.read(&mut [0; 1])).await;
    assert_eq!(ended.expect("it is closed").unwrap_or(0), 0);
    // The WebSocket acceptor asks for none.
    let mut player = server.player(Transport::WebSocket).await;
    assert_eq!(player.call(1, ECHO, b"hi").await, response(1, b"hi"));
    let (status, log) = server.end(Signal::TERM).await;
    assert_eq!(status.code(), Some(0), "{log}");
}
