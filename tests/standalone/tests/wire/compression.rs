//! Compressed bodies: zlib, only where shorter, and only if configured; inbound always.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use pitaya::App;
use pitaya::app::config::Config;
use pitaya::protocol::compression::Inflater;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, decode};

use crate::app::{builder, on_tcp};

async fn compressing() -> (App, RawClient) {
    let mut config = Config::for_test();
    config.handler.compression = true;
    on_tcp(builder(config)).await
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const ECHO: &[u8] = b"\x10\x01\x09play.echo";

#[tokio::test]
async fn a_compressed_request_is_inflated_whatever_the_configuration_says() {
    for (app, mut client) in [
        compressing().await,
        on_tcp(builder(Config::for_test())).await,
    ] {
        let body = "a".repeat(1000);
        client
            .send(PacketType::Data, &[ECHO, &zlib(body.as_bytes())].concat())
            .await;
        assert_eq!(client.message().await.text(), body);
        // Bytes behind the stream are ignored.
        client
            .send(
                PacketType::Data,
                &[ECHO, &zlib(b"short")[..], b"more"].concat(),
            )
            .await;
        assert_eq!(client.message().await.text(), "short");
        app.shutdown().await;
    }
}

#[tokio::test]
async fn bodies_leave_compressed_only_where_that_is_shorter() {
    let (app, mut client) = compressing().await;
    let long = "a".repeat(1000);
    client.request(1, "play.echo", long.as_bytes()).await;
    let (_, response) = client.packet().await.unwrap();
    // Bit 4, and a zlib header behind flag and id.
    assert_eq!((response[0], &response[2..3]), (0x14, &b"\x78"[..]));
    assert!(response.len() < 50);
    let mut inflated = Vec::new();
    Inflater::new()
        .inflate(&response[2..], 10_000, &mut inflated)
        .unwrap();
    assert_eq!(inflated, long.as_bytes());

    for body in [&b""[..], b"x", b"not much to gain"] {
        client.request(2, "play.echo", body).await;
        let (_, response) = client.packet().await.unwrap();
        assert_eq!(response, [b"\x04\x02", body].concat());
    }
    app.shutdown().await;
}

#[tokio::test]
async fn pushes_and_errors_are_compressed_like_responses() {
    let (app, mut client) = compressing().await;
    let long = "b".repeat(1000);
    client.request(1, "play.push", long.as_bytes()).await;
    let (_, push) = client.packet().await.unwrap();
    assert_eq!((push[0], decode(&push).text()), (0x16, long.as_str()));
    client.message().await;
    client.message().await;
    client.request(2, "play.fail", long.as_bytes()).await;
    let (_, error) = client.packet().await.unwrap();
    let text = format!(r#"{{"code":"GAME-1","msg":"{long}"}}"#);
    assert_eq!((error[0], decode(&error).text()), (0x34, text.as_str()));
    app.shutdown().await;
}

#[tokio::test]
async fn nothing_is_compressed_by_default() {
    let (app, mut client) = on_tcp(builder(Config::for_test())).await;
    let long = vec![b'c'; 100_000];
    client.request(1, "play.echo", &long).await;
    let (_, response) = client.packet().await.unwrap();
    assert_eq!(response.len(), 2 + long.len());
    app.shutdown().await;
}

/// "gzip" in the original's names means zlib.
#[tokio::test]
async fn gzip_and_raw_deflate_close() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"body").unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(b"body").unwrap();
    for body in [gzip.finish().unwrap(), deflate.finish().unwrap()] {
        let (app, mut client) = compressing().await;
        client.send(PacketType::Data, &[ECHO, &body].concat()).await;
        assert_eq!(client.rest().await, []);
        app.shutdown().await;
    }
}

/// Clients tell the two forms of the handshake's answer apart by its first bytes.
#[tokio::test]
async fn a_compressed_handshake_answer_starts_like_zlib() {
    let mut config = Config::for_test();
    config.handler.compression = true;
    let codes = (1..=50).map(|code| (format!("connector.room.method{code}"), code));
    let (app, _client) = {
        let builder = builder(config)
            .dictionary(codes)
            .acceptor(pitaya::Tcp::bind("127.0.0.1:0"));
        (builder.start().await.unwrap(), ())
    };
    let mut client = RawClient::open(app.local_addr(0).unwrap()).await;
    client.send(PacketType::Handshake, b"{}").await;
    let (_, body) = client.packet().await.unwrap();
    assert!(
        [b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"].contains(&body.first_chunk().unwrap())
    );
    let mut text = Vec::new();
    Inflater::new().inflate(&body, 10_000, &mut text).unwrap();
    assert!(text.starts_with(br#"{"code":200,"sys":{"dict":{"connector.room.method1":1,"#));
    app.shutdown().await;
}
