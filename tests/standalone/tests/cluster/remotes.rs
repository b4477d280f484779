//! Calls between servers: every check of the caller, in order, and what the callee answers.

use std::time::Duration;

use pitaya::prelude::*;
use pitaya::{RpcContext, remote};

use crate::support::*;

#[message]
#[derive(PartialEq, Debug)]
struct Score {
    points: i64,
}

/// The scores of users.
#[remote(server = "account")]
trait Scores {
    async fn add(&self, ctx: &RpcContext<'_>, req: Score) -> Result<Score>;
    async fn none(&self) -> Result<Score>;
    async fn fail(&self) -> Result<Score>;
    async fn panic(&self) -> Result<Score>;
    async fn metadata(&self, ctx: &RpcContext<'_>) -> Result<Bytes>;
}

struct Board;

#[remote]
impl Scores for Board {
    async fn add(&self, ctx: &RpcContext<'_>, req: Score) -> Result<Score> {
        assert!(ctx.deadline().is_some());
        Ok(Score {
            points: req.points + 1,
        })
    }

    async fn none(&self) -> Result<Score> {
        Ok(Score { points: 7 })
    }

    async fn fail(&self) -> Result<Score> {
        Err(Error::new("BOARD-1", "full").with_metadata("seats", "3"))
    }

    async fn panic(&self) -> Result<Score> {
        panic!("secret")
    }

    async fn metadata(&self, ctx: &RpcContext<'_>) -> Result<Bytes> {
        let get = |key: &str| {
            let value = ctx.metadata().get(key).and_then(|value| value.as_str());
            value.unwrap_or_default().to_owned()
        };
        Ok(format!(
            "{} {} {}",
            get("peer.service"),
            get("request.id"),
            get("colour")
        )
        .into())
    }
}

async fn rpc(app: &App, route: &str) -> Result<Bytes> {
    app.handle().rpc::<Bytes, Bytes>(route, None).await
}

async fn rpc_to(app: &App, id: &str, route: &str) -> Result<Bytes> {
    app.handle().rpc_to::<Bytes, Bytes>(id, route, None).await
}

#[tokio::test]
async fn a_caller_is_told_what_is_wrong_in_the_originals_order_and_words() {
    let world = World::default();
    let room = world.backend(world.app("room")).await;
    let account = world
        .backend(world.app("account").remote(ScoresServer::new(Board)))
        .await;
    let own = room.handle().server().id.clone();
    let peer = account.handle().server().id.clone();
    let no_type = "no server type chosen for sending RPC, send a full route in the format server.service.component";
    let nonsense = "you are making a rpc that may be processed locally, either specify a different server type or specify a server id";
    for (to, route, code, text) in [
        (None, "", "PIT-000", "invalid route"),
        (None, "a", "PIT-000", "invalid route"),
        (None, "a.b.c.d", "PIT-000", "invalid route"),
        (None, "a..c", "PIT-000", "route field can not be empty"),
        (None, "scores.none", "PIT-000", no_type),
        (Some("x"), "scores.none", "PIT-000", no_type),
        (None, "room.scores.none", "PIT-000", nonsense),
        (
            Some(own.as_str()),
            "account.scores.none",
            "PIT-000",
            nonsense,
        ),
        (
            Some("nobody"),
            "account.scores.none",
            "PIT-000",
            "server not found",
        ),
        (
            Some("nobody"),
            "room.scores.none",
            "PIT-000",
            "server not found",
        ),
        (Some(""), "room.scores.none", "PIT-000", nonsense),
        (
            None,
            "shop.scores.none",
            "PIT-500",
            "no servers available of this type",
        ),
        (None, "account.scores.nobody", "PIT-404", "route not found"),
        (
            Some(peer.as_str()),
            "any.scores.nobody",
            "PIT-404",
            "route not found",
        ),
    ] {
        let error = match to {
            None => rpc(&room, route).await.unwrap_err(),
            Some(id) => rpc_to(&room, id, route).await.unwrap_err(),
        };
        if route.is_empty() {
            // Which of the two texts an empty route has is the route's own matter.
            assert_eq!(error.code(), "PIT-000");
            continue;
        }
        assert_eq!(
            (error.code(), error.message()),
            (code, text),
            "{to:?} {route}"
        );
    }
    let error = rpc(&room, "account.scores.nobody").await.unwrap_err();
    assert_eq!(error.metadata()["route"], "scores.nobody");

    let alone = App::builder("room")
        .config(Config::for_test())
        .start()
        .await
        .unwrap();
    for route in ["account.scores.none", "", "room.scores.none"] {
        let error = rpc(&alone, route).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("PIT-000", "RPC server is not running")
        );
    }
    alone.shutdown().await;
    account.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn calls_by_route_and_by_client_reach_the_same_remotes() {
    let world = World::default();
    let room = world.backend(world.app("room")).await;
    let account = world
        .backend(world.app("account").remote(ScoresServer::new(Board)))
        .await;
    let (app, id) = (room.handle(), account.handle().server().id.clone());
    let score: Score = app
        .rpc("account.scores.add", Some(&Score { points: 1 }))
        .await
        .unwrap();
    assert_eq!(score, Score { points: 2 });
    // The type of the route is not compared with that of a server chosen by id.
    let score: Score = app
        .rpc_to(&id, "zoo.scores.add", Some(&Score { points: 2 }))
        .await
        .unwrap();
    assert_eq!(score, Score { points: 3 });
    // No argument is the default one, and one too many is ignored.
    let score: Score = app
        .rpc::<Score, _>("account.scores.add", None)
        .await
        .unwrap();
    assert_eq!(score, Score { points: 1 });
    let score: Score = app
        .rpc("account.scores.none", Some(&Score { points: 2 }))
        .await
        .unwrap();
    assert_eq!(score, Score { points: 7 });
    let client = ScoresClient::new(app);
    assert_eq!(
        client.add(&Score { points: 5 }).await.unwrap(),
        Score { points: 6 }
    );
    assert_eq!(
        ScoresClient::new(app).to(&id).none().await.unwrap(),
        Score { points: 7 }
    );

    let error = client.fail().await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("BOARD-1", "full"));
    assert_eq!(error.metadata()["seats"], "3");
    let error = client.panic().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-500", "internal error")
    );
    let bad = app
        .rpc::<Bytes, Score>("account.scores.add", Some(&Bytes::from_static(b"\xff")))
        .await;
    assert_eq!(bad.unwrap_err().code(), "PIT-400");
    account.shutdown().await;
    room.shutdown().await;
}

#[tokio::test]
async fn a_typed_client_of_the_own_type_is_served_here() {
    let world = World::default();
    let account = world
        .backend(world.app("account").remote(ScoresServer::new(Board)))
        .await;
    let id = account.handle().server().id.clone();
    let client = ScoresClient::new(account.handle());
    assert_eq!(
        client.add(&Score { points: 5 }).await.unwrap(),
        Score { points: 6 }
    );
    assert_eq!(
        ScoresClient::new(account.handle())
            .to(&id)
            .none()
            .await
            .unwrap(),
        Score { points: 7 }
    );
    assert_eq!(client.fail().await.unwrap_err().code(), "BOARD-1");
    // Another one of the own type is reached by its id.
    let other = world
        .backend(world.app("account").remote(ScoresServer::new(Board)))
        .await;
    let reply = rpc_to(&other, &id, "account.scores.metadata")
        .await
        .unwrap();
    assert!(reply.starts_with(b"account "), "{reply:?}");
    other.shutdown().await;
    account.shutdown().await;
}

struct Desk;

#[handler]
impl Desk {
    async fn ask(&self, ctx: &Context<'_>) -> Result<Bytes> {
        let scores = ScoresClient::new(ctx);

        // At the same time: neither disturbs the other, nor the message's own values.
        let (one, two) = tokio::join!(scores.metadata(), scores.metadata());
        assert_eq!(one?, two?);
        let own = ctx.metadata().get("peer.service").cloned();
        Ok(format!(
            "{own:?} {}",
            text(&ScoresClient::new(ctx).metadata().await?)
        )
        .into())
    }
}

#[tokio::test]
async fn values_that_came_with_a_message_go_along_with_its_calls() {
    let world = World::default();
    let room = world.backend(world.app("room").handler(Desk)).await;
    let account = world
        .backend(world.app("account").remote(ScoresServer::new(Board)))
        .await;
    let peer = world.fake("gate", "g", Order::Own).await;
    let mut request = forwarded(1, "room.desk.ask", "");
    request.metadata =
        r#"{"peer.service":"gate","request.id":"r7","colour":"red","reqTimeout":"3s"}"#.into();
    let reply = peer.call(&room, request).await.unwrap();
    assert_eq!(reply, r#"Some(String("gate")) room r7 red"#);
    account.shutdown().await;
    room.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waited_in_vain_is_told_for_what() {
    let world = World::default();
    let room = world.backend(world.app("room")).await;
    let mut account = world.fake("account", "a", Order::Own).await;
    let client = ScoresClient::new(room.handle()).timeout(Duration::from_millis(1500));
    let error = client.none().await.unwrap_err();
    let request = account.asked().await.request;
    assert_eq!(request.frontend_id, "", "a backend does not name itself");
    assert_eq!(
        (error.code(), error.message()),
        ("PIT-408", "rpc client: request timeout")
    );
    let metadata: Vec<_> = error
        .metadata()
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let own = room.handle().server().id.as_str();
    let expected = [
        ("peer.id", "a"),
        ("route", "account.scores.none"),
        ("server", own),
        ("timeout", "1.5s"),
    ];
    assert_eq!(metadata, expected);
    room.shutdown().await;
}
