//! What servers of the original see of ours where the protocol has its traps.

use std::time::Duration;

use pitaya::cluster::wire::{KickMsg, MsgType, Request, RpcType, Session as WireSession};
use pitaya::cluster::{Metadata, RpcClient};
use pitaya::prelude::*;
use prost::Message as _;

use crate::support::*;

/// A handler and a remote of one name.
struct Twin;

#[handler]
impl Twin {
    async fn who(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"handler"))
    }

    async fn seen(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"by clients"))
    }
}

struct OtherTwin;

#[remote(name = "twin", client = false)]
impl OtherTwin {
    async fn who(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"remote"))
    }

    async fn hidden(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"by servers"))
    }
}

#[tokio::test]
async fn handlers_and_remotes_are_two_tables_and_the_server_type_counts_in_neither() {
    let world = World::default();
    let builder = world.app("room").handler(Twin).remote(OtherTwin);
    let room = world.backend(builder).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    for kind in ["room", "zoo"] {
        let route = |method: &str| format!("{kind}.twin.{method}");
        let sys = async |method: &str| peer.call(&room, forwarded(1, &route(method), "")).await;
        let user = async |method: &str| peer.call(&room, user_call(&route(method), "")).await;
        assert_eq!(sys("who").await.unwrap(), "handler");
        assert_eq!(user("who").await.unwrap(), "remote");
        assert_eq!(sys("seen").await.unwrap(), "by clients");
        assert_eq!(user("hidden").await.unwrap(), "by servers");
        let hidden = sys("hidden").await.unwrap_err();
        let text = format!("pitaya/handler: {kind}.twin.hidden not found");
        assert_eq!(
            (hidden.code(), hidden.message()),
            ("PIT-404", text.as_str())
        );
        let seen = user("seen").await.unwrap_err();
        assert_eq!(
            (seen.code(), seen.message()),
            ("PIT-404", "route not found")
        );
        assert_eq!(seen.metadata()["route"], "twin.seen");
    }
    // A call that does not say what it is comes from a client.
    let mut unsaid = user_call("room.twin.who", "");
    unsaid.r#type = RpcType::default().into();
    assert_eq!(peer.call(&room, unsaid).await.unwrap(), "handler");
    room.shutdown().await;
}

struct Room;

#[handler]
impl Room {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        // The copy's own number is another one: many copies may be of one session.
        assert_ne!(ctx.session().id(), 7);
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }

    async fn clear(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().set_data(Default::default());
        ctx.session().push_to_front().await?;
        Ok(Bytes::new())
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().kick().await?;
        Ok(Bytes::new())
    }
}

/// Forwards a message of session 7 to the room as a frontend of the original would, and gives what the
/// room calls that frontend for, which is answered with these bytes.
async fn called_back(method: &str, uid: &str, answer: &'static [u8]) -> Request {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut go = world.fake("gate", "elsewhere", Order::None).await;
    let mut request = forwarded(7, &format!("room.room.{method}"), "ann");
    let session = request.session.as_mut().expect("it is there");
    (session.uid, session.data) = (uid.to_owned(), r#"{"a":1}"#.into());
    let call = {
        let (rpc, server) = (go.rpc.clone(), room.handle().server().clone());
        tokio::spawn(async move { rpc.call(&server, request, Duration::from_secs(20)).await })
    };
    let asked = go.asked().await;
    let request = asked.request.clone();
    asked.answer(answer);
    in_time(call).await.unwrap().expect("the handler succeeds");
    room.shutdown().await;
    request
}

/// The form of every call about a session: a call of servers, whose route has two parts.
fn about_a_session(request: &Request, route: &str) -> Bytes {
    let msg = request.msg.as_ref().expect("it is there");
    assert_eq!(request.r#type, i32::from(RpcType::User));
    assert!(request.session.is_none());
    assert_eq!(
        request.frontend_id, "",
        "a backend is nobody's way to clients"
    );
    assert_eq!((msg.route.as_str(), msg.id), (route, 0));
    assert_eq!(msg.r#type, i32::from(MsgType::MsgRequest));
    let metadata = Metadata::parse(&request.metadata).expect("an object");
    assert!(metadata.peer_id().is_some() && metadata.timeout().is_some());
    msg.data.clone()
}

#[tokio::test]
async fn a_bind_for_a_client_elsewhere_names_the_frontends_session() {
    let request = called_back("bind", "", b"\x0a\x03ack").await;
    let sent = about_a_session(&request, "sys.bindsession");
    assert_eq!(&*sent, b"\x08\x07\x12\x03ann");
}

#[tokio::test]
async fn cleared_values_are_handed_back_as_an_empty_object() {
    let request = called_back("clear", "ann", b"\x0a\x03ack").await;
    let sent = about_a_session(&request, "sys.pushsession");
    let session = WireSession::decode(&*sent).unwrap();
    assert_eq!((session.id, session.uid.as_str()), (7, "ann"));
    assert_eq!(session.data, "{}", "no bytes would leave all as it is");
}

#[tokio::test]
async fn a_kick_of_a_client_elsewhere_names_the_user() {
    let request = called_back("kick", "ann", b"\x08\x01").await;
    let sent = about_a_session(&request, "sys.kick");
    assert_eq!(KickMsg::decode(&*sent).unwrap().user_id, "ann");
}

#[tokio::test]
async fn a_backend_is_asked_about_sessions_too_and_has_none() {
    let world = World::default();
    let room = world.backend(world.app("room")).await;
    let peer = world.fake("gate", "g", Order::Own).await;
    for (route, argument) in [
        ("sys.bindsession", &b"\x08\x07\x12\x03ann"[..]),
        ("sys.pushsession", b"\x08\x07\x12\x03ann\x1a\x02{}"),
        ("sys.kick", b"\x0a\x03ann"),
    ] {
        let failed = peer.call(&room, user_call(route, argument)).await;
        let failed = failed.unwrap_err();
        assert_eq!(
            (failed.code(), failed.message()),
            ("PIT-000", "session not found"),
            "{route}"
        );
    }
    room.shutdown().await;
}
