//! What a backend can do with the session of a client that is connected to a frontend.

use std::time::Duration;

use pitaya::cluster::RpcClient;
use pitaya::cluster::wire::{KickMsg, Session as WireSession};
use pitaya::prelude::*;
use pitaya::protocol::packet::PacketType;
use pitaya::session::CloseReason;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::support::*;

struct Room;

#[handler]
impl Room {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        let session = ctx.session();
        let bound = session.bind(text(&uid)).await;
        assert_eq!(
            session.uid().is_some(),
            bound.is_ok(),
            "all of it or nothing"
        );
        bound?;
        // At once: the frontend takes pushes for the user from the moment it has answered.
        session.push("onBound", &uid).await?;
        Ok(uid)
    }

    async fn rebind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }

    /// `key=value`, pushed to the front.
    async fn set(&self, ctx: &Context<'_>, pair: Bytes) -> Result<Bytes> {
        let pair = text(&pair);
        let (key, value) = pair.split_once('=').expect("a pair");
        ctx.session().set(key, value)?;
        tokio::task::yield_now().await;
        ctx.session().push_to_front().await?;
        Ok(Bytes::new())
    }

    async fn forget(&self, ctx: &Context<'_>, key: Bytes) -> Result<Bytes> {
        ctx.session().remove(&text(&key));
        ctx.session().push_to_front().await?;
        Ok(Bytes::new())
    }

    async fn replace(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session()
            .set_data([("only".to_owned(), 1.into())].into());
        ctx.session().push_to_front().await?;
        Ok(Bytes::new())
    }

    /// Set and not pushed: gone with the call.
    async fn keep(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().set("local", true)?;
        Ok(data(ctx))
    }

    async fn data(&self, ctx: &Context<'_>) -> Result<Bytes> {
        assert!(ctx.session().is_remote());
        Ok(data(ctx))
    }

    async fn push(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session()
            .push("on", &Bytes::from_static(b"pushed"))
            .await?;
        Ok(Bytes::new())
    }

    async fn kick(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().kick().await?;
        Ok(Bytes::new())
    }

    async fn close(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().close().await;
        assert!(!ctx.session().is_closed());
        Ok(Bytes::new())
    }

    async fn on_close(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().on_close(|_, _| async {})?;
        Ok(Bytes::new())
    }

    async fn peer(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let session = ctx.session();
        assert!(session.handshake().is_none() && session.remote_addr().is_none());
        assert!(
            ctx.app().sessions().by_uid("ann").is_none(),
            "copies are nowhere to be found"
        );
        Ok(Bytes::new())
    }
}

fn data(ctx: &Context<'_>) -> Bytes {
    serde_json::to_vec(&ctx.session().data()).unwrap().into()
}

fn own_data(session: &pitaya::Session) -> String {
    serde_json::to_string(&session.data()).unwrap()
}

struct Scene {
    world: World,
    gate: Gate,
    room: App,
    client: Client,
    session: pitaya::Session,
}

async fn scene() -> Scene {
    let world = World::default();
    let gate = world.gate().await;
    scene_at(world, gate).await
}

async fn scene_at(world: World, gate: Gate) -> Scene {
    let room = world.backend(world.app("room").handler(Room)).await;
    let client = gate.connect().await;
    let session = gate.handle().sessions().all().pop().unwrap();
    Scene {
        world,
        gate,
        room,
        client,
        session,
    }
}

impl Scene {
    async fn call(&mut self, method: &str, body: &str) -> String {
        let route = format!("room.room.{method}");
        self.client
            .call(1, &route, body.as_bytes())
            .await
            .text()
            .to_owned()
    }

    async fn end(self) {
        self.gate.app.shutdown().await;
        self.room.shutdown().await;
    }
}

fn error(text: &str) -> String {
    format!(r#"{{"code":"PIT-000","msg":"{text}"}}"#)
}

#[tokio::test]
async fn a_bind_happens_on_the_frontend_and_pushes_arrive_from_then_on() {
    let mut scene = scene().await;
    scene.client.request(1, "room.room.bind", b"ann").await;
    let (first, second) = (scene.client.message().await, scene.client.message().await);
    assert_eq!(
        (first.route.as_str(), first.text()),
        ("onBound", "ann"),
        "it was pushed first"
    );
    assert_eq!((second.id, second.text()), (1, "ann"));
    assert_eq!(scene.session.uid().as_deref(), Some("ann"));
    assert!(scene.gate.handle().sessions().by_uid("ann").is_some());
    let already = error("session is already bound to an uid");
    assert_eq!(scene.call("rebind", "bob").await, already);
    assert_eq!(scene.call("peer", "").await, "");
    scene.end().await;
}

#[tokio::test]
async fn binds_that_are_refused_leave_nobody_bound() {
    let world = World::default();
    let refuses = |_, uid: Uid| async move {
        if &*uid == "banned" {
            Err(Error::new("BAN-1", "go away"))
        } else {
            Ok(())
        }
    };
    let regrets = |_, uid: Uid| async move {
        if &*uid == "late" {
            Err(Error::msg("after all, no"))
        } else {
            Ok(())
        }
    };
    let app = world
        .app("gate")
        .on_session_bind(refuses)
        .on_after_session_bind(regrets);
    let mut scene = scene_at(world, Gate::start(app).await).await;
    for (uid, answer) in [
        ("", error("illegal uid")),
        ("banned", r#"{"code":"BAN-1","msg":"go away"}"#.to_owned()),
        ("late", error("after all, no")),
    ] {
        assert_eq!(scene.call("bind", uid).await, answer);
        assert_eq!(scene.session.uid(), None);
        assert_eq!(scene.gate.handle().sessions().bound_count(), 0);
    }
    // Bound behind the message's back: its copy does not know.
    scene.session.bind("ann").await.unwrap();
    let peer = scene.world.fake("zoo", "z", Order::Own).await;
    let wanted = |id, uid: &str| WireSession {
        id,
        uid: uid.to_owned(),
        ..Default::default()
    };
    for (session, uid, text) in [
        (
            scene.session.id() as i64,
            "bob",
            "session is already bound to an uid",
        ),
        (999, "bob", "session not found"),
        (-1, "bob", "session not found"),
    ] {
        let request = user_call("sys.bindsession", wanted(session, uid).encode_to_vec());
        let failed = peer.call(&scene.gate.app, request).await.unwrap_err();
        assert_eq!((failed.code(), failed.message()), ("PIT-000", text));
    }
    scene.end().await;
}

#[tokio::test]
async fn bind_callbacks_of_the_backend_run_around_those_of_the_frontend() {
    let (said, mut heard) = mpsc::unbounded_channel();
    let says = |what: &'static str| {
        let said = said.clone();
        move |_, uid: Uid| {
            said.send(format!("{what} {uid}")).unwrap();
            std::future::ready(Ok(()))
        }
    };
    let world = World::default();
    let gate = world.app("gate").on_session_bind(says("gate before"));
    let gate = Gate::start(gate.on_after_session_bind(says("gate after"))).await;
    let room = world
        .app("room")
        .handler(Room)
        .on_session_bind(says("room before"));
    let room = world
        .backend(room.on_after_session_bind(says("room after")))
        .await;
    let mut client = gate.connect().await;
    client.request(1, "room.room.bind", b"ann").await;
    for expected in [
        "room before ann",
        "gate before ann",
        "gate after ann",
        "room after ann",
    ] {
        assert_eq!(in_time(heard.recv()).await.as_deref(), Some(expected));
    }
    gate.app.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn data_travels_with_messages_and_changes_come_back_when_they_are_pushed() {
    let mut scene = scene().await;
    scene.session.set("level", 7).unwrap();
    assert_eq!(
        scene.call("data", "").await,
        r#"{"ipversion":"ipv4","level":7}"#
    );
    assert_eq!(
        scene.call("keep", "").await,
        r#"{"ipversion":"ipv4","level":7,"local":true}"#
    );
    assert!(!scene.session.has("local"));
    scene.call("set", "seat=3").await;
    assert_eq!(
        scene.session.get::<String>("seat").unwrap().as_deref(),
        Some("3")
    );
    scene.call("forget", "level").await;
    assert!(!scene.session.has("level") && scene.session.has("seat"));
    scene.call("replace", "").await;
    assert!(!scene.session.has("seat") && scene.session.get::<u8>("only").unwrap() == Some(1));
    scene.end().await;
}

#[tokio::test]
async fn two_backends_that_change_different_values_at_once_lose_nothing() {
    let mut scene = scene().await;
    let shop = scene
        .world
        .backend(scene.world.app("shop").handler(Room))
        .await;
    for round in 0..50 {
        let (one, two) = (format!("a{round}=1"), format!("b{round}=2"));
        scene
            .client
            .request(1, "room.room.set", one.as_bytes())
            .await;
        scene
            .client
            .request(2, "shop.room.set", two.as_bytes())
            .await;
        for _ in 0..2 {
            assert!(!scene.client.message().await.error);
        }
        assert!(scene.session.has(&format!("a{round}")) && scene.session.has(&format!("b{round}")));
    }
    assert_eq!(scene.session.data().len(), 101);
    shop.shutdown().await;
    scene.end().await;
}

#[tokio::test]
async fn the_originals_form_replaces_all_values_and_no_bytes_leave_them_as_they_are() {
    let scene = scene().await;
    let peer = scene.world.fake("zoo", "z", Order::Own).await;
    let id = scene.session.id() as i64;
    let push = async |data: &str| {
        let session = WireSession {
            id,
            uid: "ignored".to_owned(),
            data: data.to_owned().into(),
        };
        peer.call(
            &scene.gate.app,
            user_call("sys.pushsession", session.encode_to_vec()),
        )
        .await
    };
    scene.session.set("level", 7).unwrap();
    // The acknowledgement is a message inside the answer's data.
    assert_eq!(
        push(r#"{"a":1.0,"b":[]}"#).await.unwrap(),
        &b"\x0a\x03ack"[..]
    );
    assert_eq!(
        own_data(&scene.session),
        r#"{"a":1.0,"b":[],"ipversion":"ipv4"}"#
    );
    assert_eq!(scene.session.get::<u32>("a").unwrap(), Some(1));
    push("").await.unwrap();
    assert_eq!(scene.session.data().len(), 3);
    assert_eq!(push("[]").await.unwrap_err().code(), "PIT-000");
    assert_eq!(push("{").await.unwrap_err().code(), "PIT-000");
    assert_eq!(scene.session.data().len(), 3);
    push("null").await.unwrap();
    assert_eq!(own_data(&scene.session), r#"{"ipversion":"ipv4"}"#);
    let nobody = WireSession {
        id: 999,
        ..Default::default()
    };
    let failed = peer
        .call(
            &scene.gate.app,
            user_call("sys.pushsession", nobody.encode_to_vec()),
        )
        .await;
    assert_eq!(failed.unwrap_err().message(), "session not found");
    let garbage = peer
        .call(&scene.gate.app, user_call("sys.pushsession", &b"\xff"[..]))
        .await;
    assert_eq!(garbage.unwrap_err().code(), "PIT-400");
    assert_eq!(scene.session.uid(), None);
    scene.end().await;
}

#[tokio::test]
async fn a_frontend_that_does_not_take_single_values_gets_all_of_them() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Room)).await;
    let mut go = world.fake("gate", "go", Order::None).await;
    let mut request = forwarded(7, "room.room.set", "b=2");
    request.session.as_mut().unwrap().data = r#"{"a":1}"#.into();
    request.frontend_id = "go".to_owned();
    let call = {
        let (rpc, server) = (go.rpc.clone(), room.handle().server().clone());
        tokio::spawn(async move { rpc.call(&server, request, Duration::from_secs(20)).await })
    };
    let asked = go.asked().await;
    assert_eq!(asked.msg().route, "sys.pushsession");
    let sent = WireSession::decode(&*asked.msg().data).unwrap();
    assert_eq!((sent.id, &*sent.data), (7, &br#"{"a":1,"b":"2"}"#[..]));
    asked.answer(&b"\x0a\x03ack"[..]);
    assert!(in_time(call).await.unwrap().is_ok());
    room.shutdown().await;
}

#[tokio::test]
async fn a_kick_reaches_the_client_and_a_close_does_nothing() {
    let mut scene = scene().await;
    let unbound = error("you have to bind an UID to the session to do that");
    assert_eq!(scene.call("kick", "").await, unbound);
    assert_eq!(scene.call("push", "").await, unbound);
    let refused = error("onclose callbacks are not allowed on backend servers");
    assert_eq!(scene.call("on_close", "").await, refused);
    assert_eq!(scene.call("close", "").await, "");
    assert!(!scene.session.is_closed());
    let own = scene.session.push_to_front().await.unwrap_err();
    assert_eq!(own.message(), "frontend session can't push to front");

    scene.session.bind("ann").await.unwrap();
    scene.client.request(1, "room.room.push", b"").await;
    assert_eq!(scene.client.message().await.text(), "pushed");
    assert_eq!(scene.client.message().await.id, 1);
    scene.client.notify("room.room.kick", b"").await;
    assert_eq!(scene.client.rest().await, [(PacketType::Kick, Vec::new())]);
    assert_eq!(scene.session.close_reason(), Some(CloseReason::Kicked));
    let peer = scene.world.fake("zoo", "z", Order::Own).await;
    let kick = KickMsg {
        user_id: "ann".to_owned(),
    }
    .encode_to_vec();
    let failed = peer
        .call(&scene.gate.app, user_call("sys.kick", kick))
        .await
        .unwrap_err();
    assert_eq!(
        (failed.code(), failed.message()),
        ("PIT-000", "session not found")
    );
    scene.end().await;
}

#[tokio::test]
async fn a_kick_by_call_is_answered_in_the_originals_form() {
    let scene = scene().await;
    scene.session.bind("ann").await.unwrap();
    let peer = scene.world.fake("zoo", "z", Order::Own).await;
    let kick = KickMsg {
        user_id: "ann".to_owned(),
    }
    .encode_to_vec();
    let answer = peer
        .call(&scene.gate.app, user_call("sys.kick", kick))
        .await
        .unwrap();
    assert_eq!(answer, &b"\x08\x01"[..]);
    eventually("it is closed", || scene.session.is_closed()).await;
    scene.end().await;
}

/// Gives out a copy of a session that outlives its message.
struct Lend(mpsc::UnboundedSender<pitaya::Session>);

#[handler]
impl Lend {
    async fn out(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let _ = self.0.send(ctx.session().clone());
        Ok(Bytes::new())
    }
}

#[tokio::test]
async fn what_could_not_be_handed_back_is_handed_back_the_next_time() {
    let world = World::default();
    let gate = world.gate().await;
    let (lent, mut lend) = mpsc::unbounded_channel();
    let room = world.backend(world.app("room").handler(Lend(lent))).await;
    let mut client = gate.connect().await;
    client.call(1, "room.lend.out", b"").await;
    let copy = in_time(lend.recv()).await.unwrap();
    let session = gate.handle().sessions().all().pop().unwrap();
    copy.set("a", 1).unwrap();
    let (own, viewer) = (
        gate.handle().server().id.clone(),
        room.handle().server().id.clone(),
    );
    world.servers.hide(&own, &viewer);
    let gone = copy.push_to_front().await.unwrap_err();
    assert_eq!(gone.message(), "server not found");
    copy.set("b", 2).unwrap();
    world.servers.reveal(&own, &viewer);
    copy.push_to_front().await.unwrap();
    assert!(session.has("a") && session.has("b"));
    session.remove("a");
    copy.push_to_front().await.unwrap();
    assert!(
        !session.has("a"),
        "what was handed back is not handed back again"
    );
    gate.app.shutdown().await;
    room.shutdown().await;
}
