//! At the wrong door, or with false papers.

use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, packet_of};
use tokio::io::AsyncWriteExt;

use crate::world::{Door, PROXY, UPGRADE, World, rest_of};

pub(crate) async fn plain_to_tls(world: &World) {
    let packet = packet_of(PacketType::Handshake, b"{}");
    for door in [Door::Tls, Door::Wss] {
        for bytes in [
            &packet[..],
            UPGRADE.as_bytes(),
            b"SSH-2.0-scanner\r\n",
            PROXY,
        ] {
            // An alert, if anything.
            let answer = world.send(door, bytes).await;
            assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
        }
    }
}

pub(crate) async fn tls_to_plain(world: &World) {
    let hello = world.hello();
    assert_eq!(world.send(Door::Tcp, &hello).await, b"");
    let answer = world.send(Door::WebSocket, &hello).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{answer:?}");
    assert_eq!(world.send(Door::Proxied, &hello).await, b"");
}

/// Cut off in the record's header, in the message, before its last byte.
pub(crate) async fn truncated_hello(world: &World) {
    let hello = world.hello();
    for door in [Door::Tls, Door::Wss] {
        for len in [3, 40, hello.len() - 1] {
            let mut socket = world.connect(door).await;
            socket.write_all(&hello[..len]).await.unwrap();
            socket.shutdown().await.unwrap();
            rest_of(&mut socket).await;
        }
    }
}

/// The end of TCP is no end of TLS: what came may have been cut short.
pub(crate) async fn cut_tls(world: &World) {
    let mut client = RawClient::over(world.tls(Door::Tls).await);
    client.shake_hands().await;
    let answer = client.call(1, "game.echo", b"whole").await;
    assert_eq!(answer.text(), "whole");
    let (mut socket, _) = client.socket.into_inner();
    socket.shutdown().await.unwrap();
    rest_of(&mut socket).await;
}

pub(crate) async fn garbage_inside_tls(world: &World) {
    let mut client = RawClient::over(world.tls(Door::Tls).await);
    client.shake_hands().await;
    let (mut socket, _) = client.socket.into_inner();
    // A record of the right form that nobody has encrypted.
    let mut record = b"\x17\x03\x03\x00\x40".to_vec();
    record.extend([0xaa; 64]);
    socket.write_all(&record).await.unwrap();
    rest_of(&mut socket).await;
}

/// The same bytes in each run; who waits for more of them is given none, until the deadlines.
pub(crate) async fn random_bytes(world: &World) {
    let mut random = fastrand::Rng::with_seed(7);
    let doors = [
        Door::Tcp,
        Door::WebSocket,
        Door::Tls,
        Door::Wss,
        Door::Proxied,
        Door::Limited,
    ];
    let mut sockets = Vec::new();
    for n in 0..120 {
        let len = random.usize(1..2000);
        let bytes: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        let mut socket = world.connect(doors[n % doors.len()]).await;
        let _ = socket.write_all(&bytes).await;
        sockets.push(socket);
    }
    world.seconds(4).await;
    for mut socket in sockets {
        let said = rest_of(&mut socket).await;
        // A refusal in the door's own language, or nothing.
        let refusal = said.is_empty() || said[0] == 0x15 || said.starts_with(b"HTTP/1.1 4");
        assert!(refusal, "{said:?}");
    }
}

/// None, no addresses, no numbers, too much, another version, another end: nobody is believed.
pub(crate) async fn proxy_lies(world: &World) {
    let long = [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 3250".as_slice(),
        &[b' '; 100],
    ]
    .concat();
    let hello = packet_of(PacketType::Handshake, b"{}");
    for lie in [
        &hello[..],
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 2001:db8::7 10.0.0.1 40000 3250\r\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 40000 3250\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 99999\r\n",
        &long,
        // Binary: a version that there is none of, and more behind it than there can be.
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x9c\x40\x0c\xb2",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ] {
        assert_eq!(world.send(Door::Proxied, lie).await, b"", "{lie:?}");
    }
    assert_eq!(
        world.send(Door::ProxiedWebSocket, UPGRADE.as_bytes()).await,
        b""
    );
}

/// Where none is expected, and a second one behind the first.
pub(crate) async fn proxy_out_of_place(world: &World) {
    assert_eq!(world.send(Door::Tcp, PROXY).await, b"");
    assert_eq!(world.send(Door::Proxied, &PROXY.repeat(2)).await, b"");
}

pub(crate) async fn other_http(world: &World) {
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 426),
        (
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            405,
        ),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        (UPGRADE.replace("Version: 13", "Version: 8"), 426),
        (UPGRADE.replace("dGhl", ""), 400),
    ] {
        let answer = world.send(Door::WebSocket, request.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(expected.as_bytes()),
            "{request}: {answer:?}"
        );
    }
}

pub(crate) async fn foreign_pages(world: &World) {
    let from = |page: &str| UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {page}\r\n\r\n"));
    let strange_path = UPGRADE.replace("/game", "/game/../admin");
    for (request, status) in [
        (from("https://evil.example"), 403),
        (UPGRADE.replace("/game", "/"), 404),
        (strange_path, 404),
    ] {
        let answer = world.send(Door::Strict, request.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(expected.as_bytes()),
            "{request}: {answer:?}"
        );
    }
}
