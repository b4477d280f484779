//! Slow loris: a byte a second, or none, in each phase of a connection.

use futures_util::future::join_all;
use pitaya::protocol::packet::PacketType;
use standalone_tests::websocket::BINARY;
use standalone_tests::{RawClient, packet_of};

use crate::world::{Door, PROXY, UPGRADE, World, rest_of};

pub(crate) async fn tls_hello(world: &World) {
    let hello = world.hello();
    for door in [Door::Tls, Door::Wss] {
        let socket = world.connect(door).await;
        assert_eq!(world.trickle(socket, &hello).await, b"");
    }
}

pub(crate) async fn proxy_header(world: &World) {
    for door in [Door::Proxied, Door::ProxiedWebSocket] {
        let socket = world.connect(door).await;
        assert_eq!(world.trickle(socket, PROXY).await, b"");
    }
}

/// Also where TLS was done in time.
pub(crate) async fn upgrade(world: &World) {
    let socket = world.connect(Door::WebSocket).await;
    assert_eq!(world.trickle(socket, UPGRADE.as_bytes()).await, b"");
    let mut encrypted = world.tls(Door::Wss).await;
    world.seconds(3).await;
    assert_eq!(rest_of(&mut encrypted).await, b"");
}

pub(crate) async fn handshake(world: &World) {
    let hello = packet_of(PacketType::Handshake, &[b' '; 1000]);
    let socket = world.connect(Door::Tcp).await;
    assert_eq!(world.trickle(socket, &hello).await, b"");
    // TLS is done, and nothing follows.
    let mut encrypted = world.tls(Door::Tls).await;
    world.seconds(3).await;
    assert_eq!(rest_of(&mut encrypted).await, b"");
}

/// Heartbeats are no substitute for the ack.
pub(crate) async fn acknowledgement(world: &World) {
    let mut client = RawClient::over(world.connect(Door::Tcp).await);
    client.send(PacketType::Handshake, b"{}").await;
    assert_eq!(client.packet().await.unwrap().0, PacketType::Handshake);
    for _ in 0..3 {
        let _ = client
            .try_write(&packet_of(PacketType::Heartbeat, b""))
            .await;
        world.second().await;
    }
    assert_eq!(client.rest().await, []);
}

/// Bytes are no signs of life, only whole packets are.
pub(crate) async fn data_packet(world: &World) {
    let packet = packet_of(PacketType::Data, &[0; 1000]);
    let client = world.client().await;
    let said = world.trickle(client.socket, &packet).await;
    assert_eq!(said, b"\x03\0\0\0".repeat(2));
    // A header alone, of the largest packet that is allowed.
    let mut client = world.client().await;
    client.write(&[4, 0x10, 0, 0]).await;
    world.seconds(10).await;
    assert_eq!(client.rest().await.len(), 2);
}

/// Pings are answered, and are no signs of life either.
pub(crate) async fn frame(world: &World) {
    let mut client = world.websocket().await;
    client.send_frame(false, BINARY, b"\x04\0\x01").await;
    for _ in 0..10 {
        client.send(9, b"").await;
        world.second().await;
    }
    let frames = client.rest().await;
    let beats = frames.iter().filter(|frame| frame.payload == b"\x03\0\0\0");
    assert_eq!(beats.count(), 2, "{frames:?}");
}

pub(crate) async fn silence(world: &World) {
    let doors = [
        Door::Tcp,
        Door::WebSocket,
        Door::Tls,
        Door::Wss,
        Door::Proxied,
    ];
    let mut sockets = Vec::new();
    for n in 0..100 {
        sockets.push(world.connect(doors[n % doors.len()]).await);
    }
    world.seconds(3).await;
    for said in join_all(sockets.iter_mut().map(rest_of)).await {
        assert_eq!(said, b"");
    }
}
