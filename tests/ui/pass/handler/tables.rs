//! The tables say what the block declares, in its order.

use std::time::Duration;

use pitaya::handler::{HandlerService, RouteKind};
use pitaya::message::Body;
use pitaya::{Context, Result, handler};

type Bytes = Vec<u8>;

struct Room;

/// Chat rooms.
#[handler]
impl Room {
    const LIMIT: usize = 3;

    /// Enter a room.
    ///
    ///   Indented.
    #[route(code = 7)]
    async fn join(&self, _ctx: &Context<'_>, msg: Bytes) -> Result<Bytes> {
        Ok(msg.into_iter().take(Self::LIMIT).collect())
    }

    async fn say(&self, _: &Context<'_>, _msg: Bytes) {}

    #[route(name = "leaveNow", timeout = "1m30s", concurrent, cancel)]
    async fn leave(&self) -> Result<()> {
        Ok(())
    }

    fn find(&self, msg: Bytes) -> Result<Option<Bytes>, String> {
        Ok(Some(msg))
    }

    pub fn touch(&self, _ctx: &Context<'_>) {}

    #[route(skip)]
    fn helper<T>(self, _: T, _: T) {}
}

fn main() {
    assert_eq!(Room::NAME, "room");
    let names: Vec<_> = Room::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names, ["join", "say", "leaveNow", "find", "touch"]);

    let kinds: Vec<_> = Room::ROUTES.iter().map(|route| route.kind).collect();
    use RouteKind::{Notify, Request};
    assert_eq!(kinds, [Request, Notify, Notify, Request, Notify]);

    let codes: Vec<_> = Room::ROUTES.iter().map(|route| route.code).collect();
    assert_eq!(codes, [Some(7), None, None, None, None]);

    let with_argument: Vec<_> = Room::ROUTES.iter().map(|route| route.argument.is_some()).collect();
    assert_eq!(with_argument, [true, true, false, true, false]);
    let with_reply: Vec<_> = Room::ROUTES.iter().map(|route| route.reply.is_some()).collect();
    assert_eq!(with_reply, [true, false, false, true, false]);
    assert_eq!(Room::ROUTES[0].argument.unwrap().name, Bytes::INFO.name);

    assert_eq!(Room::ROUTES[0].docs, "Enter a room.\n\n  Indented.");
    assert_eq!(Room::ROUTES[1].docs, "");

    let options = Room::ROUTES[2].options;
    assert_eq!(options.timeout, Some(Duration::from_secs(90)));
    assert!(options.concurrent && options.cancel);
    let options = Room::ROUTES[0].options;
    assert!(options.timeout.is_none() && !options.concurrent && !options.cancel);

    let location = Room::ROUTES[0].location;
    assert!(location.file.ends_with("tables.rs"), "{location}");
    assert_eq!(location.line, 22, "{location}");

    Room.helper(1, 2);
}
