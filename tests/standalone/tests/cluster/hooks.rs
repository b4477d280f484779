//! What runs around remotes: order, changes, refusals, and panics that stay their own.

use std::sync::{Arc, Mutex};

use pitaya::cluster::remote::{AfterRemoteHook, BeforeRemoteHook};
use pitaya::cluster::sys;
use pitaya::handler::{BoxFuture, HookReply};
use pitaya::message::AnyMessage;
use pitaya::prelude::*;

use crate::support::*;

#[message]
#[derive(PartialEq, Debug)]
struct Score {
    points: i64,
}

/// What a hook leaves for the remote.
struct Bonus(i64);

struct Board;

#[remote]
impl Board {
    async fn add(&self, ctx: &RpcContext<'_>, req: Score) -> Result<Score> {
        let bonus = ctx.get::<Bonus>().map_or(0, |bonus| bonus.0);
        Ok(Score {
            points: req.points + bonus,
        })
    }

    async fn none(&self) -> Result<Score> {
        Ok(Score { points: 7 })
    }

    async fn fail(&self) -> Result<Score> {
        Err(Error::new("BOARD-1", "full"))
    }

    async fn panic(&self) -> Result<Score> {
        panic!("secret")
    }

    async fn raw(&self, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A hook that awaits once and then calls a function.
struct Hook<F>(F);

impl<F> BeforeRemoteHook for Hook<F>
where
    F: Fn(&RpcContext<'_>, Option<&mut dyn AnyMessage>) -> Result<()> + Send + Sync + 'static,
{
    fn before<'a>(
        &'a self,
        ctx: &'a RpcContext<'a>,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (self.0)(ctx, message)
        })
    }
}

struct Behind<F>(F);

impl<F> AfterRemoteHook for Behind<F>
where
    F: Fn(&RpcContext<'_>, &mut HookReply<'_>) + Send + Sync + 'static,
{
    fn after<'a>(
        &'a self,
        ctx: &'a RpcContext<'a>,
        reply: &'a mut HookReply<'_>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            (self.0)(ctx, reply);
        })
    }
}

fn before<F>(run: F) -> Hook<F>
where
    F: Fn(&RpcContext<'_>, Option<&mut dyn AnyMessage>) -> Result<()> + Send + Sync + 'static,
{
    Hook(run)
}

fn after<F>(run: F) -> Behind<F>
where
    F: Fn(&RpcContext<'_>, &mut HookReply<'_>) + Send + Sync + 'static,
{
    Behind(run)
}

fn points(value: Option<&mut dyn AnyMessage>) -> Option<i64> {
    Some(value?.downcast_ref::<Score>()?.points)
}

async fn rpc(app: &App, method: &str) -> Result<Bytes> {
    let route = format!("account.board.{method}");
    app.handle().rpc::<Bytes, Bytes>(&route, None).await
}

fn told<T>(result: Result<T>) -> (String, String) {
    let error = result.err().expect("the call fails");
    (error.code().to_owned(), error.message().to_owned())
}

fn pair(code: &str, text: &str) -> (String, String) {
    (code.to_owned(), text.to_owned())
}

#[tokio::test]
async fn hooks_run_in_order_and_change_what_passes() {
    let world = World::default();
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let (third, fourth) = (log.clone(), log.clone());
    let account = world
        .app("account")
        .remote(Board)
        .before_remote(before(move |ctx, message| {
            first.say(format!("first {} {}", ctx.route(), message.is_some()));
            if let Some(score) = message.and_then(|message| message.downcast_mut::<Score>()) {
                score.points *= 10;
            }
            assert!(ctx.insert(Bonus(1)).is_none());
            Ok(())
        }))
        .before_remote(before(move |ctx, message| {
            second.say(format!("second {:?}", points(message)));
            assert_eq!(ctx.insert(Bonus(2)).map(|earlier| earlier.0), Some(1));
            Ok(())
        }))
        .after_remote(after(move |_, reply| {
            third.say(format!("third {:?}", points(reply.value())));
            if let Some(score) = reply.value().and_then(|v| v.downcast_mut::<Score>()) {
                score.points += 100;
            }
        }))
        .after_remote(after(move |_, reply| {
            let code = reply.error().map(|error| error.code().to_owned());
            fourth.say(format!("fourth {:?} {code:?}", points(reply.value())));
        }));
    let account = world.backend(account).await;
    let room = world.backend(world.app("room")).await;

    let client = BoardRemoteClient::at(room.handle(), "account");
    let score = client.add(&Score { points: 3 }).await.unwrap();
    assert_eq!(score, Score { points: 132 });
    assert_eq!(
        log.take(),
        [
            "first account.board.add true",
            "second Some(30)",
            "third Some(32)",
            "fourth Some(132) None"
        ]
    );
    let score = client.none().await.unwrap();
    assert_eq!(score, Score { points: 107 });
    assert_eq!(
        log.take()[..2],
        ["first account.board.none false", "second None"]
    );

    // Errors and panics are shown to those behind, and nobody is told a panic's text.
    assert_eq!(told(client.fail().await), pair("BOARD-1", "full"));
    assert_eq!(
        log.take()[2..],
        ["third None", r#"fourth None Some("BOARD-1")"#]
    );
    assert_eq!(
        told(client.panic().await),
        pair("PIT-500", "internal error")
    );
    assert_eq!(
        log.take()[2..],
        ["third None", r#"fourth None Some("PIT-500")"#]
    );

    // Where there is nothing to call, or nothing to call it with, nothing runs.
    assert_eq!(told(rpc(&room, "nobody").await).0, "PIT-404");
    let garbled = Bytes::from_static(b"\xff");
    let add = room
        .handle()
        .rpc::<_, Score>("account.board.add", Some(&garbled));
    assert_eq!(told(add.await).0, "PIT-400");
    assert_eq!(log.take(), [""; 0]);

    // The own type, served here without a transport.
    let here = BoardRemoteClient::at(account.handle(), "account");
    assert_eq!(here.none().await.unwrap(), Score { points: 107 });
    assert_eq!(log.take().len(), 4);
    room.shutdown().await;
    account.shutdown().await;
}

#[tokio::test]
async fn the_first_hook_that_refuses_ends_the_call_and_its_code_survives() {
    let world = World::default();
    let log = Log::default();
    let (second, behind) = (log.clone(), log.clone());
    let account = world
        .app("account")
        .remote(Board)
        .before_remote(before(|ctx, _| match ctx.route() {
            "account.board.add" => Err(Error::new("DOOR-1", "not you").with_metadata("who", "you")),
            "account.board.none" => Err(Error::msg("plain").with_metadata("why", "so")),
            "account.board.fail" => panic!("secret"),
            _ => Ok(()),
        }))
        .before_remote(before(move |ctx, _| {
            second.say(format!("second {}", ctx.route()));
            Ok(())
        }))
        .after_remote(after(move |_, _| behind.say("behind")));
    let account = world.backend(account).await;
    let room = world.backend(world.app("room")).await;

    let error = rpc(&room, "add").await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("DOOR-1", "not you"));
    assert_eq!(error.metadata()["who"], "you");
    let error = rpc(&room, "none").await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("PIT-500", "plain"));
    assert_eq!(error.metadata()["why"], "so");
    assert_eq!(
        told(rpc(&room, "fail").await),
        pair("PIT-500", "internal error")
    );
    assert_eq!(log.take(), [""; 0]);

    assert!(rpc(&room, "raw").await.is_ok());
    assert_eq!(log.take(), ["second account.board.raw", "behind"]);
    room.shutdown().await;
    account.shutdown().await;
}

#[message(json)]
struct OnlyJson {
    text: String,
}

#[tokio::test]
async fn after_hooks_replace_replies_and_errors() {
    let world = World::default();
    let account = world
        .app("account")
        .remote(Board)
        .after_remote(after(|ctx, reply| match ctx.route() {
            "account.board.add" => reply.fail(Error::new("LATE-1", "too late")),
            "account.board.none" => reply.replace(OnlyJson::default()),
            "account.board.fail" => reply.replace(Score { points: 9 }),
            "account.board.panic" => panic!("secret"),
            _ => {
                let body = reply.value().expect("a reply");
                assert_eq!(body.raw(), Some(&b"body"[..]));
                body.set_raw(b"other").unwrap();
            }
        }));
    let account = world.backend(account).await;
    let room = world.backend(world.app("room")).await;

    assert_eq!(told(rpc(&room, "add").await), pair("LATE-1", "too late"));
    assert_eq!(
        told(rpc(&room, "none").await),
        pair("PIT-000", "protobuf: convert on wrong type value")
    );
    let client = BoardRemoteClient::at(room.handle(), "account");
    assert_eq!(client.fail().await.unwrap(), Score { points: 9 });
    assert_eq!(
        told(client.panic().await),
        pair("PIT-500", "internal error")
    );
    let body = client.raw(&Bytes::from_static(b"body")).await.unwrap();
    assert_eq!(body, "other");
    room.shutdown().await;
    account.shutdown().await;
}

struct Desk;

#[handler]
impl Desk {
    async fn bind(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        ctx.session().bind(text(&uid)).await?;
        Ok(uid)
    }

    async fn save(&self, ctx: &Context<'_>) -> Result<Bytes> {
        ctx.session().set("seat", 1)?;
        ctx.session().push_to_front().await?;
        Ok(Bytes::new())
    }
}

/// A backend reaches its client's session by remotes, and they are not the handlers' pipeline.
#[tokio::test]
async fn what_every_server_has_passes_the_hooks_too() {
    let world = World::default();
    let log = Log::default();
    let (seen, handlers) = (log.clone(), log.clone());
    let gate = world
        .app("gate")
        .before_remote(before(move |ctx, message| {
            let session = message.and_then(|message| message.downcast_mut::<sys::Session>());
            let uid = session.map_or("", |session| &session.uid);
            seen.say(format!("{} {uid}", ctx.route()));
            match uid {
                "eve" => Err(Error::new("DOOR-2", "no eves")),
                _ => Ok(()),
            }
        }))
        .before(Untouched(handlers));
    let gate = Gate::start(gate).await;
    let room = world.backend(world.app("room").handler(Desk)).await;
    let mut client = gate.connect().await;

    let refused = client.call(1, "room.desk.bind", b"eve").await;
    assert_eq!(refused.text(), r#"{"code":"DOOR-2","msg":"no eves"}"#);
    assert!(gate.handle().sessions().by_uid("eve").is_none());
    assert_eq!(client.call(2, "room.desk.bind", b"ann").await.text(), "ann");
    assert!(gate.handle().sessions().by_uid("ann").is_some());
    client.call(3, "room.desk.save", b"").await;
    assert_eq!(
        log.take(),
        [
            "sys.bindsession eve",
            "sys.bindsession ann",
            "sys.patchsession ann"
        ]
    );
    room.shutdown().await;
    gate.app.shutdown().await;
}

struct Untouched(Log);

impl pitaya::handler::BeforeHook for Untouched {
    fn before<'a>(
        &'a self,
        ctx: &'a Context<'a>,
        _: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        self.0.say(ctx.route());
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn a_remote_that_is_mounted_twice_keeps_the_app_from_starting() {
    struct Sys;

    #[remote(name = "sys", client = false)]
    impl Sys {
        async fn kick(&self) -> Result<Bytes> {
            Ok(Bytes::new())
        }

        async fn own(&self) -> Result<Bytes> {
            Ok(Bytes::new())
        }
    }

    let world = World::default();
    for (builder, name) in [
        (
            world.app("account").remote(Board).remote(Board),
            "board.add",
        ),
        (world.app("account").remote(Sys), "sys.kick"),
    ] {
        let error = builder.start().await.err().expect("it does not start");
        let text = error.to_string();
        assert!(
            text.contains(&format!("remote `{name}` is mounted twice")),
            "{text}"
        );
        assert!(!text.contains("sys.own"), "{text}");
    }
}
