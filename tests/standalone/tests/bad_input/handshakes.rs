//! Handshakes: what is refused with 400 and the end, and what only looks bad. The whole table is
//! tested with the handshake itself; these rows go through a server.

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;

use crate::scene::Scene;

#[tokio::test]
async fn invalid_handshakes_get_400_and_the_end() {
    let mut scene = Scene::new().await;
    for body in [
        &b""[..],
        b"[]",
        b"1",
        b"\"x\"",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"{\"sys\":",
        br#"{"sys":{"clientBuildNumber":20}}"#,
        br#"{"sys":[]}"#,
        br#"{"user":[]}"#,
        br#"{"user":{"age":1e400}}"#,
        // Compression is not for handshakes of clients.
        b"\x78\x9c\xaa\xae\x05\x04\x00\x00\xff\xff\x01\x75\x00\xf9",
    ] {
        let mut client = scene.open().await;
        client.send(PacketType::Handshake, body).await;
        // What follows is not served, but does not keep the answer from arriving either.
        client.send(PacketType::HandshakeAck, b"").await;
        client.request(1, "entry.echo", b"").await;
        let rest = client.rest().await;
        let [(PacketType::Handshake, answer)] = &rest[..] else {
            panic!("{body:?}: {rest:?}")
        };
        assert_eq!(
            String::from_utf8_lossy(answer),
            r#"{"code":400,"sys":{"dict":{},"heartbeat":3600,"serializer":"json"}}"#
        );
        scene.closes(CloseReason::HandshakeRefused).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let mut scene = Scene::new().await;
    let mut client = scene.open().await;
    let mut body = br#"{"user":{"a":"#.to_vec();
    body.resize(15 * 1024, b'[');
    client.send(PacketType::Handshake, &body).await;
    let rest = client.rest().await;
    assert!(rest[0].1.starts_with(br#"{"code":400,"#), "{rest:?}");
    scene.closes(CloseReason::HandshakeRefused).await;
    scene.end().await;
}

#[tokio::test]
async fn sloppy_handshakes_are_accepted() {
    let mut scene = Scene::new().await;
    for body in [
        &b"null"[..],
        b" {} \n",
        br#"{"sys":null,"user":null}"#,
        br#"{"SYS":{"PLATFORM":"mac"},"more":[{}]}"#,
        br#"{"sys":{"type":"js-websocket","version":"0.0.1","rsa":{}}}"#,
        // Bytes that are no UTF-8, and half a surrogate pair.
        b"{\"user\":{\"name\":\"a\xffb\"}}",
        br#"{"user":{"name":"\ud800"}}"#,
        // An emoji as the JavaScript client sends it.
        b"{\"user\":{\"name\":\"\xed\xa0\xbd\xed\xb8\x80\"}}",
        br#"{"sys":{"platform":"a"},"sys":{"platform":"b","libVersion":"1"}}"#,
    ] {
        let mut client = scene.open().await;
        client.send(PacketType::Handshake, body).await;
        let (kind, answer) = client.packet().await.expect("an answer");
        assert_eq!(kind, PacketType::Handshake);
        assert!(
            answer.starts_with(br#"{"code":200,"#),
            "{}",
            String::from_utf8_lossy(body)
        );
        client.send(PacketType::HandshakeAck, b"").await;
        assert_eq!(client.call(1, "entry.echo", b"in").await.text(), "in");
        drop(client);
        scene.closes(CloseReason::Disconnected).await;
    }
    scene.end().await;
}
