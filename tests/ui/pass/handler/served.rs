//! A service as declared, called through its typed client: every shape of method does what it says.
#![deny(warnings)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pitaya::client::Error as ClientError;
use pitaya::handler::{AfterHook, BeforeHook, BoxFuture, HookReply};
use pitaya::message::AnyMessage;
use pitaya::{App, Config, Context, Error, Result, Tcp, handler, message};

#[message]
struct Join {
    room: String,
}

#[message]
struct Joined {
    members: Vec<String>,
}

#[derive(Default)]
struct Room {
    said: AtomicUsize,
}

enum RoomError {
    Full,
}

impl From<RoomError> for Error {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Full => Self::new("ROOM-1", "full"),
        }
    }
}

#[handler(rename_all = "camel")]
impl Room {
    async fn join_room(&self, ctx: &Context<'_>, msg: Join) -> Result<Joined> {
        tokio::task::yield_now().await;
        assert_eq!(ctx.route(), "connector.room.joinRoom");
        Ok(Joined { members: vec![msg.room] })
    }

    fn plain(&self, Join { room }: Join, _ctx: &Context<'_>) -> Result<Joined> {
        Ok(Joined { members: vec![room] })
    }

    async fn raw(&self, mut msg: Vec<u8>) -> Result<Vec<u8>> {
        msg.reverse();
        Ok(msg)
    }

    async fn full(&self) -> Result<Joined, RoomError> {
        Err(RoomError::Full)
    }

    async fn find(&self, msg: Join) -> Result<Option<Joined>> {
        Ok((msg.room != "none").then(|| Joined { members: vec![msg.room] }))
    }

    #[route(timeout = "20ms")]
    async fn never(&self, _msg: Join) -> Result<Joined> {
        std::future::pending().await
    }

    #[route(timeout = "1h")]
    async fn in_time(&self, msg: Join) -> Result<Joined> {
        Ok(Joined { members: vec![msg.room] })
    }

    fn say(&self) {
        self.said.fetch_add(1, Ordering::SeqCst);
    }

    async fn say_later(&self, _msg: Join) -> Result<()> {
        self.said.fetch_add(10, Ordering::SeqCst);
        Ok(())
    }

    async fn said(&self) -> Result<Vec<u8>> {
        Ok(self.said.load(Ordering::SeqCst).to_string().into_bytes())
    }

    // Far above what a call's future has room for.
    async fn large(&self, msg: Join) -> Result<Joined> {
        let ballast = [1u8; 10_000];
        tokio::task::yield_now().await;
        let sum: usize = ballast.iter().map(|byte| usize::from(*byte)).sum();
        Ok(Joined { members: vec![format!("{} {sum}", msg.room)] })
    }

    #[route(skip)]
    #[allow(dead_code)]
    async fn secret(&self) {}
}

/// The code and text that the server answered.
fn answered<T>(result: std::result::Result<T, ClientError>) -> (String, String) {
    match result {
        Err(ClientError::Server(error)) => (error.code().into(), error.message().into()),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("no error"),
    }
}

/// Counts calls, and changes one payload.
#[derive(Clone, Default)]
struct Counted(Arc<[AtomicUsize; 2]>);

impl BeforeHook for Counted {
    fn before<'a>(
        &'a self,
        _: &'a Context<'a>,
        message: Option<&'a mut dyn AnyMessage>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.0[0].fetch_add(1, Ordering::SeqCst);
            if let Some(join) = message.and_then(|message| message.downcast_mut::<Join>()) {
                join.room = join.room.trim_start_matches("hooked ").into();
            }
            Ok(())
        })
    }
}

impl AfterHook for Counted {
    fn after<'a>(&'a self, _: &'a Context<'a>, _: &'a mut HookReply<'_>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.0[1].fetch_add(1, Ordering::SeqCst);
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = || {
        App::builder("connector")
            .config(Config::for_test())
            .acceptor(Tcp::bind("127.0.0.1:0"))
            .handler(Room::default())
    };
    play(app().start().await.unwrap(), "").await;

    let hook = Counted::default();
    let app = app().before(hook.clone()).after(hook.clone());
    play(app.start().await.unwrap(), "hooked ").await;
    let [before, after] = &*hook.0;
    assert_eq!(before.load(Ordering::SeqCst), 12);
    assert_eq!(after.load(Ordering::SeqCst), 12, "also after what failed or took too long");
}

/// Calls every method; `prefix` is what hooks take away.
async fn play(app: App, prefix: &str) {
    let room = RoomHandlerClient::connect(app.local_addr(0).unwrap()).await.unwrap();
    let join = |room: &str| Join { room: format!("{prefix}{room}") };

    assert_eq!(room.join_room(&join("a")).await.unwrap().members, ["a"]);
    assert_eq!(room.plain(&join("b")).await.unwrap().members, ["b"]);
    assert_eq!(room.raw(&b"abc".to_vec()).await.unwrap(), b"cba");
    assert_eq!(answered(room.full().await), ("ROOM-1".into(), "full".into()));
    assert_eq!(room.find(&join("c")).await.unwrap().members, ["c"]);
    assert_eq!(answered(room.find(&join("none")).await).1, "reply must not be null");
    assert_eq!(answered(room.never(&join("d")).await).0, "PIT-504");
    assert_eq!(room.in_time(&join("e")).await.unwrap().members, ["e"]);
    assert_eq!(room.large(&join("f")).await.unwrap().members, ["f 10000"]);

    // One session is served in order, so both notifies are done when the request is.
    room.say().await.unwrap();
    room.say_later(&join("g")).await.unwrap();
    assert_eq!(room.said().await.unwrap(), b"11");

    let skipped = room.client().request_without_argument::<Vec<u8>>("room.secret").await;
    assert_eq!(answered(skipped).0, "PIT-404");
    let malformed = room.client().request::<Vec<u8>>("room.plain", &b"{".to_vec()).await;
    assert_eq!(answered(malformed).0, "PIT-400");

    app.shutdown().await;
}
