//! A remote trait as declared, served by one type, called through its typed client from another
//! server: every shape of method does what it says.
#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use pitaya::cluster::remote::RemoteService;
use pitaya::cluster::{Cluster, Hub};
use pitaya::{App, Bytes, Caller as _, Config, Context, Error, Result, RpcContext, Tcp, message, remote};

#[message]
struct AddScore {
    uid: String,
    points: i64,
}

#[message]
#[derive(Debug, PartialEq)]
struct Score {
    points: i64,
}

enum BoardError {
    Full,
}

impl From<BoardError> for Error {
    fn from(error: BoardError) -> Self {
        match error {
            BoardError::Full => Self::new("BOARD-1", "full").with_metadata("seats", "3"),
        }
    }
}

type Outcome = Result<Score>;

/// The scores of users.
#[remote(server = "account", rename_all = "camel")]
trait Scores {
    /// Adds points.
    async fn add_points(&self, ctx: &RpcContext<'_>, req: AddScore) -> Result<Score>;
    async fn turned(&self, req: AddScore, _ctx: &RpcContext<'_>) -> Result<Score>;
    async fn raw(&self, body: Bytes) -> Result<Bytes>;
    async fn nothing(&self) -> Outcome;
    async fn full(&self) -> Result<Score, BoardError>;
    #[route(timeout = "20ms")]
    async fn never(&self) -> Result<Score>;
    /// A default, which the server's own is not bound to.
    async fn version(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"1"))
    }
    // A name that the client has itself.
    async fn to(&self, _: AddScore) -> Result<Score>;
}

struct Board;

#[remote]
impl Scores for Board {
    async fn add_points(&self, ctx: &RpcContext<'_>, req: AddScore) -> Result<Score> {
        tokio::task::yield_now().await;
        assert_eq!(ctx.route(), "account.scores.addPoints");
        assert!(ctx.deadline().is_some());
        Ok(Score { points: req.points + 1 })
    }
    async fn turned(&self, req: AddScore, ctx: &RpcContext<'_>) -> Result<Score> {
        assert_eq!(ctx.app().server().kind, "account");
        Ok(Score { points: -req.points })
    }
    async fn raw(&self, body: Bytes) -> Result<Bytes> {
        Ok(body.iter().rev().copied().collect())
    }
    async fn nothing(&self) -> Outcome {
        Ok(Score { points: 7 })
    }
    async fn full(&self) -> Result<Score, BoardError> {
        Err(BoardError::Full)
    }
    async fn never(&self) -> Result<Score> {
        std::future::pending().await
    }
    // Far above what a call's future has room for.
    async fn to(&self, req: AddScore) -> Result<Score> {
        let ballast = [1u8; 10_000];
        tokio::task::yield_now().await;
        let sum: i64 = ballast.iter().map(|byte| i64::from(*byte)).sum();
        Ok(Score { points: req.points + sum })
    }
}

/// A second trait of the same type.
#[remote(name = "ranking")]
trait Ranks {
    async fn best(&self, req: AddScore) -> Result<Score>;
    async fn places(&self, ctx: &RpcContext<'_>) -> Result<Bytes, Error>;
}

#[remote]
impl Ranks for Board {
    async fn best(&self, req: AddScore) -> Result<Score> {
        Ok(Score { points: req.points * 100 })
    }
    async fn places(&self, ctx: &RpcContext<'_>) -> Result<Bytes, Error> {
        Ok(Bytes::from(format!("{} {}", ctx.route(), ctx.deadline().is_some())))
    }
}

/// And its own methods, without a trait, to servers and to clients at once.
#[remote(server = "account", name = "admin")]
impl Board {
    const WORD: &'static [u8] = b"done";

    async fn reset(&self, ctx: &RpcContext<'_>, _req: AddScore) -> Result<Bytes> {
        assert_eq!(ctx.route(), "account.admin.reset");
        // Its own server type, so this one serves it; the caller's time still counts.
        assert_eq!(ScoresClient::new(ctx).nothing().await?.points, 7);
        assert!(RanksClient::at(ctx, "account").places().await?.ends_with(b"true"));
        Ok(Bytes::from_static(Self::WORD))
    }

    fn plain(&self) -> Result<Score, String> {
        Err("not today".into())
    }

    #[route(name = "count", timeout = "1h")]
    async fn count_all(self: &Self) -> Result<Vec<u8>> {
        Ok(b"3".to_vec())
    }

    #[route(skip)]
    #[allow(dead_code)]
    fn helper<T>(self, _: T) {}
}

#[pitaya::handler]
impl Board {
    async fn show(&self, ctx: &Context<'_>, req: AddScore) -> Result<Score> {
        let service = RanksClient::at(ctx, "account").as_service();
        ScoresClient::new(ctx).turned(&req).await?;
        service.best(req).await
    }
}

/// What works on any ranking: local, remote or a stand-in.
async fn podium(ranks: &impl Ranks, ctx: &RpcContext<'_>) -> Result<(i64, Bytes)> {
    let best = ranks.best(add(2)).await?;
    Ok((best.points, ranks.places(ctx).await?))
}

fn add(points: i64) -> AddScore {
    AddScore { uid: "ann".into(), points }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let hub = Hub::new();
    let start = |kind: &str| {
        App::builder(kind).config(Config::for_test()).cluster(Cluster::local(&hub))
    };
    let board = Arc::new(Board);
    let account = start("account")
        .remote(ScoresServer::from(board.clone()))
        .remote(RanksServer::new(Board))
        .remote(board)
        .start()
        .await
        .unwrap();
    let room = start("room").handler(Board).acceptor(Tcp::bind("127.0.0.1:0"));
    let room = room.start().await.unwrap();
    let app = room.handle();

    let scores = ScoresClient::new(app).timeout(Duration::from_secs(20));
    assert_eq!(scores.add_points(&add(1)).await.unwrap(), Score { points: 2 });
    assert_eq!(scores.turned(&add(3)).await.unwrap(), Score { points: -3 });
    let raw: Bytes = scores.raw(&Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(raw, "cba");
    assert_eq!(scores.nothing().await.unwrap(), Score { points: 7 });
    let error: Error = scores.full().await.unwrap_err();
    assert_eq!((error.code(), error.message()), ("BOARD-1", "full"));
    assert_eq!(error.metadata()["seats"], "3");
    assert_eq!(scores.never().await.unwrap_err().code(), "PIT-504");
    assert_eq!(scores.version().await.unwrap(), "1");
    assert_eq!(scores.to_(&add(5)).await.unwrap(), Score { points: 10_005 });

    let elsewhere = ScoresClient::new(app).to("nobody");
    assert_eq!(elsewhere.nothing().await.unwrap_err().message(), "server not found");
    let unknown = ScoresClient::at(app, "shop").nothing().await.unwrap_err();
    assert_eq!(unknown.code(), "PIT-500");
    let id = account.handle().server().id.clone();
    assert_eq!(ScoresClient::at(app, "account").to(id).nothing().await.unwrap().points, 7);

    assert_eq!(RanksClient::at(app, "account").best(&add(2)).await.unwrap().points, 200);

    let admin = BoardRemoteClient::new(app);
    assert_eq!(admin.reset(&add(0)).await.unwrap(), "done");
    assert_eq!(admin.plain().await.unwrap_err().message(), "not today");
    assert_eq!(admin.count_all().await.unwrap(), b"3");

    // From a client's message.
    let player = BoardHandlerClient::connect(room.local_addr(0).unwrap()).await.unwrap();
    assert_eq!(player.show(&add(3)).await.unwrap(), Score { points: 300 });

    // By route, as other languages do.
    let score: Score = app.rpc("account.scores.addPoints", Some(&add(41))).await.unwrap();
    assert_eq!(score.points, 42);
    let garbage = Bytes::from_static(b"\xff");
    let malformed = app.rpc::<_, Bytes>("account.scores.addPoints", Some(&garbage));
    assert_eq!(malformed.await.unwrap_err().code(), "PIT-400");
    let missing = app.rpc::<Bytes, Bytes>("account.admin.helper", None).await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), ("PIT-404", "route not found"));

    // One bound for what is here and what is far away.
    let ctx = RpcContext::of(account.handle());
    assert_eq!(podium(&Board, &ctx).await.unwrap(), (200, Bytes::from_static(b" false")));
    let ctx = RpcContext::of(app);
    let service = {
        let client = RanksClient::at(app, "account");
        client.as_service()
    };
    let (best, places) = podium(&service, &ctx).await.unwrap();
    assert_eq!((best, &places[..]), (200, &b"account.ranking.places true"[..]));

    assert_eq!(ScoresClient::METHODS.len(), 8);
    assert_eq!(<ScoresServer<Board> as RemoteService>::NAME, "scores");
    drop(service);
    account.shutdown().await;
    room.shutdown().await;
}
