//! Routes that lead nowhere: answered, and the connection stays.

use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;

use crate::scene::Scene;

/// Sends requests with these routes; each is answered with its error.
async fn refused(rows: &[(&[u8], &str, &str)]) {
    let mut scene = Scene::new().await;
    let mut client = scene.client().await;
    for (n, (route, code, text)) in rows.iter().enumerate() {
        let id = u8::try_from(n + 1).unwrap();
        let len = u8::try_from(route.len()).unwrap();
        client
            .send(PacketType::Data, &[&[0, id, len], *route, b"{}"].concat())
            .await;
        let reply = client.message().await;
        assert_eq!((reply.id, reply.error), (id.into(), true), "{route:02x?}");
        let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (&error["code"], &error["msg"]),
            (&(*code).into(), &(*text).into())
        );
        assert_eq!(error.as_object().unwrap().len(), 2, "{error}");
    }
    // A client that asks for what does not exist may go on.
    assert_eq!(client.call(200, "entry.echo", b"fine").await.text(), "fine");
    drop(client);
    scene.closes(CloseReason::Disconnected).await;
    scene.end().await;
}

#[tokio::test]
async fn a_route_that_is_no_utf8_is_an_unknown_route() {
    refused(&[
        (
            b"entry.\xff\xfe",
            "PIT-404",
            "pitaya/handler: connector.entry.\u{fffd}\u{fffd} not found",
        ),
        (
            b"connector.\xc3.echo",
            "PIT-404",
            "pitaya/handler: connector.\u{fffd}.echo not found",
        ),
        (b"\xff", "PIT-400", "invalid route"),
        (
            b"\xff.\xff.\xff",
            "PIT-500",
            "no servers available of this type",
        ),
    ])
    .await;
}

#[tokio::test]
async fn empty_and_blank_parts_are_refused() {
    let rows: Vec<(&[u8], _, _)> = [
        &b""[..],
        b" ",
        b".",
        b"..",
        b"a..b",
        b".a.b",
        b"a.b.",
        b"connector. .echo",
        "\u{a0}.echo".as_bytes(),
    ]
    .map(|route| (route, "PIT-400", "route field can not be empty"))
    .into();
    refused(&rows).await;
}

#[tokio::test]
async fn too_few_and_too_many_parts_are_refused() {
    refused(&[
        (b"echo", "PIT-400", "invalid route"),
        (b"a.b.c.d", "PIT-400", "invalid route"),
        (b"connector.entry.echo.more", "PIT-400", "invalid route"),
    ])
    .await;
}

#[tokio::test]
async fn unknown_routes_are_answered_with_their_full_name() {
    refused(&[
        (
            b"entry.none",
            "PIT-404",
            "pitaya/handler: connector.entry.none not found",
        ),
        (
            b"connector.none.echo",
            "PIT-404",
            "pitaya/handler: connector.none.echo not found",
        ),
        (
            b"entry.Echo",
            "PIT-404",
            "pitaya/handler: connector.entry.Echo not found",
        ),
        (
            b"entry.echo ",
            "PIT-404",
            "pitaya/handler: connector.entry.echo  not found",
        ),
        (
            b"entry.\0",
            "PIT-404",
            "pitaya/handler: connector.entry.\0 not found",
        ),
    ])
    .await;
}

#[tokio::test]
async fn routes_to_other_server_types_are_answered() {
    refused(&[
        (
            b"room.entry.echo",
            "PIT-500",
            "no servers available of this type",
        ),
        (
            b" connector.entry.echo",
            "PIT-500",
            "no servers available of this type",
        ),
        (
            b"CONNECTOR.entry.echo",
            "PIT-500",
            "no servers available of this type",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_request_to_a_notify_route_is_refused() {
    refused(&[(b"entry.note", "PIT-400", "tried to request a notify route")]).await;
}

#[tokio::test]
async fn the_longest_route_is_looked_up() {
    let route = [b'r'; 255];
    refused(&[(&route, "PIT-400", "invalid route")]).await;
}
