//! Bodies that do not decode: answered with `PIT-400`, and the connection stays; bodies that do not
//! inflate end it.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;

use crate::scene::Scene;

#[tokio::test]
async fn invalid_json_is_answered_with_400() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for (n, (body, text)) in [
        (&b""[..], "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b"{\"name\":\"", "unexpected end of JSON input"),
        (b"x", "invalid character 'x' looking for beginning of value"),
        (b"{} {}", "invalid character '{' after top-level value"),
        (
            b"\x00",
            "invalid character '\\x00' looking for beginning of value",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = client.call(n as u64 + 1, "entry.typed", body).await;
        assert!(reply.error, "{body:?}");
        let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (&error["code"], &error["msg"]),
            (&"PIT-400".into(), &text.into())
        );
    }
    // Texts of our own, where the original's name Go types.
    for (n, body) in [&b"[]"[..], b"1", b"{\"name\":1}", &[b'['; 20_000]]
        .into_iter()
        .enumerate()
    {
        let reply = client.call(n as u64 + 10, "entry.typed", body).await;
        let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.error, &error["code"]), (true, &"PIT-400".into()));
        assert_ne!(error["msg"], "");
    }
    let reply = client.call(99, "entry.typed", br#"{"name":"fine"}"#).await;
    assert_eq!(reply.text(), r#"{"name":"fine"}"#);
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// One existing client sends text that is no UTF-8.
#[tokio::test]
async fn invalid_utf8_in_json_is_replaced() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    let reply = client
        .call(1, "entry.typed", b"{\"name\":\"a\xffb\"}")
        .await;
    assert_eq!(
        (reply.error, reply.text()),
        (false, "{\"name\":\"a\u{fffd}b\"}")
    );
    let reply = client.call(2, "entry.typed", br#"{"name":"\ud83d"}"#).await;
    assert_eq!(
        (reply.error, reply.text()),
        (false, "{\"name\":\"\u{fffd}\"}")
    );
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn invalid_protobuf_is_answered_with_400() {
    let mut scene = Scene::protobuf().await;
    let mut client = scene.client().await;
    for (n, body) in [
        // A tag without a value, a length past the end, field 0, no UTF-8, an end without a start.
        &b"\x0a"[..],
        b"\x0a\x05a",
        b"\x02\x00",
        b"\x0a\x01\xff",
        b"\x0c",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ]
    .into_iter()
    .enumerate()
    {
        let reply = client.call(n as u64 + 1, "entry.typed", body).await;
        assert!(reply.error, "{body:?}");
        // The error object's first field is its code.
        assert!(
            reply.body.starts_with(b"\x0a\x07PIT-400\x12"),
            "{:?}",
            reply.body
        );
    }
    // Nothing at all is a message of defaults.
    let reply = client.call(98, "entry.typed", b"").await;
    assert_eq!((reply.error, &reply.body[..]), (false, &b""[..]));
    let reply = client.call(99, "entry.typed", b"\x0a\x04fine").await;
    assert_eq!(&reply.body[..], b"\x0a\x04fine");
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

/// A body of zeros, compressed.
pub(crate) fn bomb(inflated: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = [0; 64 * 1024];
    for _ in 0..inflated / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_deflate_bomb_closes_only_its_connection() {
    let mut scene = Scene::new().await;
    let bomb = bomb(32 * 1024 * 1024);
    assert!(bomb.len() < 128 * 1024);
    // To a handler, to nobody, as a notify, and as what only servers send.
    for head in [
        &b"\x10\x01\x0aentry.echo"[..],
        b"\x10\x01\x0aentry.none",
        b"\x12\x0aentry.note",
        b"\x14\x01",
        b"\x16\x01x",
    ] {
        scene.closed_over_message(&[head, &bomb[..]].concat()).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_body_may_inflate_up_to_the_limit() {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    let limit = 4 * 1024 * 1024;
    let message = [&b"\x10\x01\x0aentry.echo"[..], &bomb(limit)].concat();
    client.send(PacketType::Data, &message).await;
    assert_eq!(client.message().await.body.len(), limit);
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    let message = [&b"\x10\x01\x0aentry.echo"[..], &bomb(limit + 64 * 1024)].concat();
    scene.closed_over_message(&message).await;
    scene.end().await;
}
