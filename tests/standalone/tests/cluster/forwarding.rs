//! Clients' messages reach the server that has their handler, and its answers come back unchanged.

use flate2::write::ZlibEncoder;
use pitaya::cluster::wire::{MsgType, RpcType};
use pitaya::cluster::{Cluster, Hub, Metadata};
use pitaya::prelude::*;
use pitaya::protocol::message::{self, MessageKind, RouteRef};
use pitaya::protocol::packet::{self, PacketType};
use standalone_tests::RawClient;
use std::io::Write;

use crate::support::*;

#[message]
struct Sum {
    numbers: Vec<i64>,
}

#[message]
struct Total {
    total: i64,
}

struct Room;

#[handler]
impl Room {
    async fn echo(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn sum(&self, msg: Sum) -> Result<Total> {
        Ok(Total {
            total: msg.numbers.iter().sum(),
        })
    }

    async fn fail(&self) -> Result<Bytes> {
        Err(Error::new("ROOM-1", "full").with_metadata("room", "r1"))
    }

    async fn plain(&self) -> Result<Bytes, String> {
        Err("not today".into())
    }

    async fn panic(&self) -> Result<Bytes> {
        panic!("secret")
    }

    async fn note(&self, _body: Bytes) {}
}

#[tokio::test]
async fn a_hub_is_all_that_servers_of_one_process_need() {
    let hub = Hub::new();
    let start = |kind: &str| {
        App::builder(kind)
            .config(Config::for_test())
            .cluster(Cluster::local(&hub))
    };
    let gate = start("gate")
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .start()
        .await
        .unwrap();
    let room = start("room").handler(Room).start().await.unwrap();
    let mut client = RawClient::connect(gate.local_addr(0).unwrap()).await;
    assert_eq!(client.call(1, "room.room.echo", b"hi").await.text(), "hi");
    room.shutdown().await;
    assert_eq!(
        client.call(2, "room.room.echo", b"hi").await.text(),
        NO_SERVERS
    );
    gate.shutdown().await;
}

#[tokio::test]
async fn a_request_says_everything_about_its_client() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    let session = gate.handle().sessions().all().pop().unwrap();
    session.bind("ann").await.unwrap();
    session.set("level", 7).unwrap();
    client.request(300, "room.seat.take", b"\x00\xffraw").await;
    let asked = room.asked().await;
    let request = &asked.request;
    assert_eq!(request.r#type, i32::from(RpcType::Sys));
    assert_eq!(request.frontend_id, gate.handle().server().id);
    let sent = request.session.as_ref().unwrap();
    assert_eq!((sent.id, sent.uid.as_str()), (session.id() as i64, "ann"));
    assert_eq!(sent.data, r#"{"ipversion":"ipv4","level":7}"#);
    let msg = asked.msg();
    assert_eq!(
        (msg.id, msg.route.as_str(), msg.r#type),
        (300, "room.seat.take", 0)
    );
    assert_eq!((&*msg.data, msg.reply.as_str()), (&b"\x00\xffraw"[..], ""));
    let metadata = Metadata::parse(&request.metadata).unwrap();
    assert_eq!(metadata.peer_id(), Some(gate.handle().server().id.as_str()));
    for (key, value) in [
        ("peer.service", "gate"),
        ("req-route", "room.seat.take"),
        ("reqTimeout", "5s"),
    ] {
        assert_eq!(
            metadata.get(key).and_then(|found| found.as_str()),
            Some(value),
            "{key}"
        );
    }
    assert!(metadata.request_id().is_some() && metadata.start_time().is_some());
    // Whatever the answer is made of.
    asked.answer(&b"\x00\x80 neither JSON nor text"[..]);
    assert_eq!(
        client.message().await.body,
        b"\x00\x80 neither JSON nor text"
    );
    gate.app.shutdown().await;
}

#[tokio::test]
async fn errors_keep_their_code_text_and_metadata() {
    let world = World::default();
    let gate = world.gate().await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut client = gate.connect().await;
    for (n, (route, body, answer)) in [
        (
            "room.room.fail",
            "",
            r#"{"code":"ROOM-1","msg":"full","metadata":{"room":"r1"}}"#,
        ),
        (
            "room.room.plain",
            "",
            r#"{"code":"PIT-000","msg":"not today"}"#,
        ),
        ("room.room.panic", "", INTERNAL),
        (
            "room.room.none",
            "",
            r#"{"code":"PIT-404","msg":"pitaya/handler: room.room.none not found"}"#,
        ),
        (
            "room.room.note",
            "",
            r#"{"code":"PIT-400","msg":"tried to request a notify route"}"#,
        ),
        ("shop.shop.buy", "", NO_SERVERS),
    ]
    .into_iter()
    .enumerate()
    {
        let failed = client.call(n as u64 + 1, route, body.as_bytes()).await;
        assert!(failed.error, "{route}");
        assert_eq!(failed.text(), answer, "{route}");
    }
    let failed = client.call(70, "room.room.sum", b"{").await;
    assert!(
        failed.error && failed.text().starts_with(r#"{"code":"PIT-400","#),
        "{failed:?}"
    );
    assert_eq!(
        client
            .call(71, "room.room.sum", br#"{"numbers":[1,2]}"#)
            .await
            .text(),
        r#"{"total":3}"#
    );
    assert_eq!(
        client.call(72, "room.room.echo", b"").await.text(),
        "",
        "an empty answer is one"
    );
    room.shutdown().await;
    gate.app.shutdown().await;
}

#[tokio::test]
async fn an_error_of_another_server_is_written_byte_for_byte() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    for (error, answer) in [
        (
            Error::new("X", "tab\t<&> \"é\"")
                .with_metadata("b", "2")
                .with_metadata("a", "1"),
            "{\"code\":\"X\",\"msg\":\"tab\\t\\u003c\\u0026\\u003e \\\"é\\\"\",\"metadata\":{\"a\":\"1\",\"b\":\"2\"}}",
        ),
        (
            Error::new("", "no code"),
            r#"{"code":"PIT-000","msg":"no code"}"#,
        ),
    ] {
        client.request(1, "room.a.b", b"").await;
        room.asked().await.fail(error);
        let failed = client.message().await;
        assert!(failed.error);
        assert_eq!(failed.text(), answer);
    }
    gate.app.shutdown().await;
}

#[tokio::test]
async fn a_notify_is_acknowledged_between_servers_and_not_to_the_client() {
    let world = World::default();
    let gate = world.gate().await;
    let mut fake = world.fake("fake", "f", Order::Own).await;
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut client = gate.connect().await;
    client.notify("fake.a.b", b"hush").await;
    let asked = fake.asked().await;
    assert_eq!(
        (asked.msg().id, asked.msg().r#type),
        (0, MsgType::MsgNotify.into())
    );
    asked.answer("ack");
    client.notify("fake.a.b", b"again").await;
    fake.asked()
        .await
        .fail(Error::new("X", "nobody hears that"));
    // Nothing of that is before the answer to a request.
    assert_eq!(
        client.call(1, "room.room.echo", b"next").await.text(),
        "next"
    );

    for (route, answer) in [
        ("room.room.note", Ok("ack")),
        ("room.room.echo", Ok("ack")),
        ("room.room.fail", Err("ROOM-1")),
    ] {
        let mut request = forwarded(1, route, "");
        let msg = request.msg.as_mut().unwrap();
        (msg.id, msg.r#type) = (0, MsgType::MsgNotify.into());
        let result = fake.call(&room, request).await;
        assert_eq!(
            result.as_deref().map_err(Error::code),
            answer.map(str::as_bytes),
            "{route}"
        );
    }
    room.shutdown().await;
    gate.app.shutdown().await;
}

/// The bytes of a request with a compressed body.
fn compressed(id: u64, route: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mark = packet::begin(PacketType::Data, &mut out);
    let route = RouteRef::Name(route.as_bytes());
    message::encode_head(MessageKind::Request, id, route, false, true, &mut out).unwrap();
    out.extend_from_slice(body);
    packet::finish(mark, &mut out).unwrap();
    out
}

#[tokio::test]
async fn a_compressed_body_travels_inflated_and_a_broken_one_ends_the_connection() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(&b"again and ".repeat(100)).unwrap();
    client
        .write(&compressed(1, "room.a.b", &zlib.finish().unwrap()))
        .await;
    let asked = room.asked().await;
    assert_eq!(asked.text(), "again and ".repeat(100));
    asked.answer("fine");
    assert_eq!(client.message().await.text(), "fine");
    client.write(&compressed(2, "room.a.b", b"no zlib")).await;
    assert_eq!(client.packet().await, None);
    assert!(room.is_idle());
    gate.app.shutdown().await;
}

#[tokio::test]
async fn an_answer_that_no_packet_can_hold_is_an_error_and_not_silence() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::Own).await;
    let mut client = gate.connect().await;
    client.request(1, "room.a.b", b"").await;
    room.asked().await.answer(vec![0; packet::MAX_BODY_LEN]);
    let failed = client.message().await;
    assert!(
        failed.error && failed.text().contains("codec: packet size exceed"),
        "{failed:?}"
    );
    gate.app.shutdown().await;
}

#[tokio::test]
async fn what_waits_when_its_client_leaves_is_not_sent() {
    let world = World::default();
    let gate = world.gate().await;
    let mut room = world.fake("room", "r", Order::None).await;
    let mut client = gate.connect().await;
    for id in 1..=5 {
        client.request(id, "room.a.b", b"").await;
    }
    let first = room.asked().await;
    let session = gate.handle().sessions().all().pop().unwrap();
    // All have come: the local answer is behind them.
    assert!(client.call(6, "gate.none.none", b"").await.error);
    drop(client);
    eventually("the session has ended", || session.is_closed()).await;
    first.answer("too late");
    settle().await;
    assert!(room.is_idle());
    gate.app.shutdown().await;
}
