//! Every shape of a method that can be a route.
#![deny(warnings)]

use pitaya::handler::{HandlerService, RouteKind};
use pitaya::{Context, Error, Result, handler};

struct Room;

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

type Outcome = Result<Vec<u8>>;

/// What `Self` stands for in another type.
trait Named {
    type Message;
}

impl Named for Room {
    type Message = Vec<u8>;
}

macro_rules! declared_by_macro {
    ($type:ident, $message:ty) => {
        struct $type;

        #[handler]
        impl $type {
            async fn echo(&self, ctx: &Context<'_>, msg: $message) -> Result<$message> {
                let _ = ctx;
                Ok(msg)
            }
        }
    };
}

declared_by_macro!(Generated, Vec<u8>);

#[handler]
impl Room {
    const LIMIT: usize = 3;

    // Context and message in either order, or none.
    async fn both(&self, _ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
    async fn turned(&self, msg: Vec<u8>, _ctx: &Context<'_>) -> Result<Vec<u8>> {
        Ok(msg)
    }
    async fn message(&self, mut msg: Vec<u8>) -> Result<Vec<u8>> {
        msg.truncate(Self::LIMIT);
        Ok(msg)
    }
    async fn context(&self, _: &Context<'_>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    async fn nothing(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    // Lifetimes of its own, a longer `self`.
    async fn lifetimes<'a>(&'a self, _ctx: &'a Context<'_>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    async fn long_self(self: &Self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    // Plain functions.
    fn plain(&self, _ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
    fn plain_notify(&self) {}
    // Return types.
    async fn unit(&self) -> () {}
    async fn may_fail(&self) -> Result<()> {
        Ok(())
    }
    async fn own_error(&self) -> Result<Vec<u8>, RoomError> {
        Err(RoomError::Full)
    }
    async fn own_error_of_notify(&self) -> std::result::Result<(), RoomError> {
        Err(RoomError::Full)
    }
    async fn optional(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    async fn alias(&self) -> Outcome {
        Ok(Vec::new())
    }
    async fn projected(&self, msg: <Self as Named>::Message) -> Result<<Self as Named>::Message> {
        Ok(msg)
    }
    // Options.
    #[route(timeout = "1s")]
    async fn timed(&self, _ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
    #[pitaya::route(code = 0x10)]
    async fn by_path(&self) {}
    #[deprecated]
    async fn deprecated(&self) {}
    #[route(skip)]
    fn skipped<T>(&mut self, _: &T) -> Self {
        Self
    }
}

fn main() {
    use RouteKind::{Notify, Request};
    let expected = [
        ("both", Request, true),
        ("turned", Request, true),
        ("message", Request, true),
        ("context", Request, false),
        ("nothing", Request, false),
        ("lifetimes", Request, false),
        ("long_self", Request, false),
        ("plain", Request, true),
        ("plain_notify", Notify, false),
        ("unit", Notify, false),
        ("may_fail", Notify, false),
        ("own_error", Request, false),
        ("own_error_of_notify", Notify, false),
        ("optional", Request, false),
        ("alias", Request, false),
        ("projected", Request, true),
        ("timed", Request, true),
        ("by_path", Notify, false),
        ("deprecated", Notify, false),
    ];
    let declared = Room::ROUTES.iter();
    let declared = declared.map(|route| (route.name, route.kind, route.argument.is_some()));
    assert_eq!(declared.collect::<Vec<_>>(), expected);
    for route in Room::ROUTES {
        assert_eq!(route.reply.is_some(), route.kind == Request, "{}", route.name);
    }
    assert_eq!(Room::ROUTES[17].code, Some(16));
    assert_eq!(Generated::ROUTES.len(), 1);
    Room.skipped(&1);
}
