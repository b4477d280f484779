//! What other servers write around a call, however odd, is answered and touches nothing else.

use pitaya::cluster::wire::Request;
use pitaya::prelude::*;

use crate::support::*;

struct Room;

#[handler]
impl Room {
    async fn kind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let metadata = ctx.metadata();
        assert!(
            metadata.request_id().is_some(),
            "the receiver gives one to who has none"
        );
        let own = metadata
            .get("colour")
            .and_then(|value| value.as_str())
            .unwrap_or("none");
        Ok(own.to_owned().into())
    }
}

#[tokio::test]
async fn odd_metadata_is_answered_and_nothing_more() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    for (metadata, answer) in [
        ("", Ok("none")),
        ("{}", Ok("none")),
        (r#"{"colour":"red"}"#, Ok("red")),
        (r#"{"reqTimeout":5}"#, Ok("none")),
        (r#"{"reqTimeout":null,"request.id":7}"#, Ok("none")),
        (
            r#"{"otel-span":"x","peer.id":[],"peer.service":{}}"#,
            Ok("none"),
        ),
        (r#"{"otel-span":{"traceparent":1}}"#, Ok("none")),
        (r#"{"req-start-time":1.7523456781234568e18}"#, Ok("none")),
        ("null", Err("PIT-500")),
        ("[1]", Err("PIT-500")),
        ("\"text\"", Err("PIT-500")),
        ("{", Err("PIT-500")),
        ("\u{0}", Err("PIT-500")),
    ] {
        let mut request = forwarded(1, "room.room.kind", "");
        request.metadata = metadata.to_owned().into();
        let result = peer.call(&room, request).await;
        assert_eq!(
            result.as_deref().map_err(Error::code),
            answer.map(str::as_bytes),
            "{metadata}"
        );
    }
    room.shutdown().await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_answered() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let sane = || forwarded(1, "room.room.kind", "");
    let broken_data = |data: &'static str| {
        let mut request = sane();
        request.session.as_mut().unwrap().data = data.into();
        request
    };
    let cases: Vec<(&str, Request, &str)> = vec![
        (
            "no message",
            Request {
                msg: None,
                ..sane()
            },
            "PIT-400",
        ),
        (
            "unknown type",
            Request {
                r#type: 7,
                ..sane()
            },
            "PIT-400",
        ),
        ("no route", forwarded(1, "", ""), "PIT-400"),
        ("one part", forwarded(1, "room", ""), "PIT-400"),
        ("five parts", forwarded(1, "a.b.c.d.e", ""), "PIT-400"),
        ("data is a list", broken_data("[]"), "PIT-500"),
        ("data is nonsense", broken_data("{"), "PIT-500"),
        (
            "unknown handler",
            forwarded(1, "room.room.none", ""),
            "PIT-404",
        ),
    ];
    for (what, request, code) in cases {
        let error = peer.call(&room, request).await.unwrap_err();
        assert_eq!(error.code(), code, "{what}: {error}");
    }
    let unknown = peer
        .call(
            &room,
            Request {
                r#type: 7,
                ..sane()
            },
        )
        .await
        .unwrap_err();
    assert_eq!(unknown.message(), "invalid rpc type");
    assert_eq!(unknown.metadata()["route"], "room.room.kind");
    let broken = peer
        .call(&room, forwarded(1, "room", ""))
        .await
        .unwrap_err();
    assert_eq!(
        (broken.message(), broken.metadata()["route"].as_str()),
        ("cannot decode route", "room")
    );
    // None, null and no session at all are no data; the type before the service does not matter.
    for request in [
        broken_data(""),
        broken_data("null"),
        Request {
            session: None,
            ..sane()
        },
        forwarded(1, "zoo.room.kind", ""),
        forwarded(1, "room.kind", ""),
    ] {
        assert_eq!(peer.call(&room, request).await.unwrap(), "none");
    }
    room.shutdown().await;
}
