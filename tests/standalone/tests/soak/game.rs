//! Rooms to chat in, each there for as long as somebody is inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pitaya::prelude::*;
use pitaya::session::CloseReason;
use pitaya::{App, AppHandle, Tcp};
use standalone_tests::DEADLINE;
use tokio::runtime::Handle;

/// The server's type.
const KIND: &str = "game";

/// How bound players left, in the order of `CloseReason::ALL`.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<[AtomicUsize; CloseReason::ALL.len()]>);

impl Ends {
    fn count(&self, reason: CloseReason) {
        let place = CloseReason::ALL.iter().position(|one| *one == reason);
        self.0[place.expect("every reason is listed")].fetch_add(1, Ordering::Relaxed);
    }

    /// How many left for each reason that there was.
    pub(crate) fn all(&self) -> Vec<(CloseReason, usize)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let all = CloseReason::ALL.into_iter().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }
}

struct Game(Ends);

#[handler]
impl Game {
    /// Comes in: the player's name and the room's.
    async fn enter(&self, ctx: &Context<'_>, names: Bytes) -> Result<Bytes> {
        let text = String::from_utf8_lossy(&names);
        let (uid, room) = text.split_once(' ').unwrap_or_default();
        let (app, session) = (ctx.app().clone(), ctx.session());
        session.bind(uid).await?;
        session.set("room", room)?;
        app.groups().ensure(room).await?;
        app.groups().add_member(room, uid).await?;
        let (ends, uid, room) = (self.0.clone(), uid.to_owned(), room.to_owned());
        session.on_close(async move |_, reason| {
            let groups = app.groups();
            let left = groups.remove_member(&room, &uid).await;
            left.expect("the player is in the room");
            if matches!(groups.count(&room).await, Ok(0)) {
                groups.delete(&room).await.expect("the room is there");
            }
            ends.count(reason);
        })?;
        Ok(names)
    }

    /// Tells everybody in the room, the caller too.
    async fn say(&self, ctx: &Context<'_>, text: Bytes) -> Result<Bytes> {
        let room: Option<String> = ctx.session().get("room")?;
        let room = room.unwrap_or_default();
        let groups = ctx.app().groups();
        let delivery = groups.broadcast(KIND, &room, "heard", &text).await?;
        delivery.into_result()?;
        Ok(text)
    }

    async fn echo(&self, _: &Context<'_>, text: Bytes) -> Result<Bytes> {
        // Somebody may leave meanwhile.
        tokio::task::yield_now().await;
        Ok(text)
    }

    async fn out(&self, ctx: &Context<'_>) -> Result<()> {
        ctx.session().kick().await
    }
}

pub(crate) async fn start(ends: &Ends) -> App {
    let mut config = Config::for_test();
    // No beat disturbs a count, and no busy machine ends a player.
    config.heartbeat.interval = Duration::from_secs(600);
    config.limits.handshake.timeout = Duration::from_secs(600);
    let app = App::builder(KIND)
        .config(config)
        .handler(Game(ends.clone()));
    let app = app.acceptor(Tcp::bind("127.0.0.1:0"));
    app.start().await.expect("the app starts")
}

/// Waits until everybody has gone, and as many tasks are there as when nobody plays.
pub(crate) async fn empty(app: &AppHandle, idle: usize) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let poll = async {
        while app.sessions().count() > 0 || tasks() > idle {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The runtime frees what it knew of closed sockets when it next waits for others.
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let gone = tokio::time::timeout(DEADLINE, poll).await;
    gone.unwrap_or_else(|_| panic!("{} sessions, {} tasks", app.sessions().count(), tasks()));
}
