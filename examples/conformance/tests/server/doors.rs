//! The acceptors that flags add or change.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

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

#[tokio::test]
async fn a_tls_acceptor_can_be_added() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("pitaya-conformance-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("game.pem"), folder.join("game.key"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let flags = [
        format!("-tlsport={}", address.port()),
        format!("-tlscert={}", certificate.display()),
        format!("-tlskey={}", key.display()),
    ];
    let server = Server::start(&flags.each_ref().map(String::as_str)).await;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connect = TlsConnector::from(Arc::new(config)).connect(name, socket);
    let socket = timeout(DEADLINE, connect).await.unwrap().unwrap();
    let mut player = Player::over(socket, Transport::Tcp).await;
    assert_eq!(player.call(1, ECHO, b"hi").await, response(1, b"hi"));
    let (status, log) = server.end(Signal::TERM).await;
    assert_eq!(status.code(), Some(0), "{log}");
    std::fs::remove_dir_all(&folder).unwrap();
}
