//! Too often, too fast, and never reading.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures_util::future::join_all;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, packet_of, request};
use tokio::io::AsyncWriteExt;

use crate::players::PLAYERS;
use crate::world::{Door, World};

/// Connections that are reset at once, some with a part of something in them. The kernel may hide
/// one that is gone before it is accepted.
pub(crate) async fn resets(world: &World) {
    for n in 0..200 {
        let door = [Door::Tcp, Door::WebSocket][n % 2];
        let mut socket = world.connect(door).await;
        if n % 3 == 0 {
            let _ = socket.write_all(b"\x01\0").await;
        }
        socket.set_zero_linger().unwrap();
    }
}

pub(crate) async fn visits(world: &World) {
    for _ in 0..100 {
        world.client().await;
    }
}

pub(crate) async fn heartbeats(world: &World) {
    let mut client = world.client().await;
    let beats = packet_of(PacketType::Heartbeat, b"").repeat(1000);
    for _ in 0..100 {
        client.write(&beats).await;
    }
    // None is answered: a server beats when it is time.
    assert_eq!(client.call(1, "game.echo", b"fine").await.text(), "fine");
}

/// Each is handled, in order, and the client's own request waits behind them.
pub(crate) async fn notifies(world: &World) {
    let mut client = world.client().await;
    let notify = standalone_tests::message_packet(
        pitaya::protocol::MessageKind::Notify,
        0,
        "game.note",
        b"",
    );
    let before = world.notes.load(Relaxed);
    for _ in 0..20 {
        client.write(&notify.repeat(1000)).await;
    }
    assert_eq!(client.call(1, "game.echo", b"last").await.text(), "last");
    assert_eq!(world.notes.load(Relaxed) - before, 20_000);
}

/// Time stands still, so exactly five are handled.
pub(crate) async fn over_the_limit(world: &World) {
    let mut client = RawClient::over(world.connect(Door::Limited).await);
    client.shake_hands().await;
    let requests: Vec<u8> = (1..=1000)
        .flat_map(|id| request(id, "game.echo", b""))
        .collect();
    client.write(&requests).await;
    client.socket.shutdown().await.unwrap();
    let answers = client.rest().await;
    let expected: Vec<_> = (1..=5).map(|id| (PacketType::Data, vec![4, id])).collect();
    assert_eq!(answers, expected);
}

/// Replies pile up in the socket, not in the server; nothing starts while it is full.
pub(crate) async fn never_reads(world: &World) {
    let client = world.client().await;
    let (_reader, mut writer) = client.socket.into_split();
    let ask = async {
        for id in 1.. {
            if writer
                .write_all(&request(id, "game.much", b""))
                .await
                .is_err()
            {
                break;
            }
        }
    };
    let wait = async {
        let closed = || world.book.closed("write_timeout");
        let before = closed();
        // Four from the write that did not get through, whenever that is.
        while closed() == before {
            world.second().await;
        }
    };
    tokio::join!(ask, wait);
}

/// A session that pushes pile up for is closed at its bounds, and whoever pushes hears of it.
pub(crate) async fn pushes_never_read(world: &World) {
    let mut client = world.client().await;
    client.call(1, "game.bind", b"deaf").await;
    let session = world
        .app
        .handle()
        .sessions()
        .by_uid("deaf")
        .expect("it is bound");
    let push = Bytes::from(vec![0; 64 * 1024]);
    let error = loop {
        match session.push("p", &push).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "PIT-499");
    assert!(session.is_closed());
}

/// A kick while requests are under way: answers, then the kick, then the end, and nothing behind it.
pub(crate) async fn kicks(world: &World) {
    for n in 0..20 {
        let mut client = world.client().await;
        client.call(1, "game.bind", b"rowdy").await;
        let requests: Vec<u8> = (2..=100)
            .flat_map(|id| request(id, "game.echo", b""))
            .collect();
        client.write(&requests).await;
        for _ in 0..n {
            tokio::task::yield_now().await;
        }
        // Two at a time: one of them is the first.
        let users = ["rowdy"];
        let app = world.app.handle();
        let both = [
            app.kick_users("connector", users),
            app.kick_users("connector", users),
        ];
        for kicked in join_all(both).await {
            // Whom the first one has kicked the second one need not find.
            let _delivery = kicked.unwrap();
        }
        let rest = client.rest().await;
        let (last, answers) = rest.split_last().expect("the kick");
        assert_eq!(last.0, PacketType::Kick, "{rest:?}");
        assert!(answers.iter().all(|(kind, _)| *kind == PacketType::Data));
    }
}

/// Twenty connections are the same user at the same time: one is left.
pub(crate) async fn binds(world: &World) {
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = world.client().await;
        client.request(1, "game.bind", b"twin").await;
        clients.push(client);
    }
    for client in &mut clients {
        // Answered, or closed before it could be.
        client.packet().await;
    }
    let mut left = 0;
    for client in &mut clients {
        let _ = client.try_write(&request(2, "game.echo", b"")).await;
        while let Some((_, body)) = client.packet().await {
            if body == [4, 2] {
                left += 1;
                break;
            }
        }
    }
    assert_eq!(left, 1);
    // Beside those who play.
    let bound = world.app.handle().sessions().bound_count();
    assert_eq!(bound, PLAYERS + 1);
}
