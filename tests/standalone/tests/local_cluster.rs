//! Several servers in one process: forwarding, calls, pushes, unique sessions.
#![allow(missing_docs)]

use bytes::Bytes;
use pitaya::cluster::{Cluster, Hub};
use pitaya::prelude::*;
use standalone_tests::RawClient;

struct Gate;

#[handler]
impl Gate {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(String::from_utf8_lossy(&uid).into_owned()).await?;
        Ok(uid)
    }

    async fn get(&self, ctx: &Context<'_>) -> Result<Bytes> {
        Ok(ctx.session().get::<String>("seat")?.unwrap_or_default().into())
    }
}

struct Room;

#[handler]
impl Room {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("ROOM-1", "full").with_metadata("room", "r1"))
    }

    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(String::from_utf8_lossy(&uid).into_owned()).await?;
        ctx.session().push("onBound", &uid).await?;
        ctx.session().set("seat", "7")?;
        ctx.session().push_to_front().await?;
        Ok(uid)
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<()> {
        ctx.session().kick().await
    }
}

async fn frontend(hub: &Hub) -> App {
    App::builder("gate")
        .config(Config::for_test())
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Gate)
        .cluster(Cluster::local(hub))
        .start()
        .await
        .unwrap()
}

async fn backend(hub: &Hub) -> App {
    App::builder("room")
        .config(Config::for_test())
        .handler(Room)
        .cluster(Cluster::local(hub))
        .start()
        .await
        .unwrap()
}

#[tokio::test]
async fn messages_reach_other_servers_and_answers_come_back() {
    let hub = Hub::new();
    let (gate, room) = (frontend(&hub).await, backend(&hub).await);
    let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
    assert_eq!(client.call(1, "room.room.echo", b"hi").await.text(), "hi");
    let failed = client.call(2, "room.room.fail", b"").await;
    assert!(failed.error);
    assert_eq!(failed.text(), r#"{"code":"ROOM-1","msg":"full","metadata":{"room":"r1"}}"#);
    let failed = client.call(3, "room.room.none", b"").await;
    assert_eq!(failed.text(), r#"{"code":"PIT-404","msg":"pitaya/handler: room.room.none not found"}"#);
    let failed = client.call(4, "shop.shop.buy", b"").await;
    assert_eq!(failed.text(), r#"{"code":"PIT-500","msg":"no servers available of this type"}"#);
    for id in 10..200 {
        client.request(id, "room.room.echo", id.to_string().as_bytes()).await;
    }
    for id in 10..200 {
        let answer = client.message().await;
        assert_eq!((answer.id, answer.text()), (id, id.to_string().as_str()));
    }
    room.shutdown().await;
    let failed = client.call(5, "room.room.echo", b"").await;
    assert_eq!(failed.text(), r#"{"code":"PIT-500","msg":"no servers available of this type"}"#);
    gate.shutdown().await;
}

#[tokio::test]
async fn a_backend_acts_on_a_clients_session() {
    let hub = Hub::new();
    let (gate, room) = (frontend(&hub).await, backend(&hub).await);
    let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
    client.request(1, "room.room.bind", b"ann").await;
    let (first, second) = (client.message().await, client.message().await);
    let (push, answer) = if first.id == 0 { (first, second) } else { (second, first) };
    assert_eq!((push.route.as_str(), push.text()), ("onBound", "ann"));
    assert_eq!((answer.id, answer.text()), (1, "ann"));
    assert_eq!(client.call(2, "gate.gate.get", b"").await.text(), "7");
    assert!(gate.handle().sessions().by_uid("ann").is_some());
    client.notify("room.room.kick", b"").await;
    let last = client.rest().await.pop();
    assert_eq!(last.map(|(kind, _)| kind), Some(pitaya::protocol::PacketType::Kick));
    room.shutdown().await;
    gate.shutdown().await;
}

#[tokio::test]
async fn a_user_has_one_session_on_all_frontends_of_a_type() {
    let hub = Hub::new();
    let (one, two) = (frontend(&hub).await, frontend(&hub).await);
    let mut first = RawClient::connect(one.local_addr(0).unwrap()).await;
    let mut second = RawClient::connect(two.local_addr(0).unwrap()).await;
    first.call(1, "gate.bind", b"bob").await;
    second.call(1, "gate.bind", b"bob").await;
    let last = first.rest().await.pop();
    assert_eq!(last.map(|(kind, _)| kind), Some(pitaya::protocol::PacketType::Kick));
    assert_eq!(second.call(2, "gate.get", b"").await.text(), "");
    one.shutdown().await;
    two.shutdown().await;
}
