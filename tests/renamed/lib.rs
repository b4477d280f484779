//! The attribute macros under another name of the runtime crate.
#![cfg(test)]

use game::cluster::remote::RemoteService;
use game::handler::HandlerService;
use game::{Context, Result, RpcContext, handler, remote};

struct Room;

#[handler(crate = "game")]
impl Room {
    #[game::route(timeout = "1s")]
    async fn join(&self, _ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }

    fn say(&self) {}
}

/// A program may also keep the runtime behind a module of its own.
mod framework {
    pub(crate) use game::*;
}

struct Lobby;

#[framework::handler(crate = "crate::framework")]
impl Lobby {
    async fn join(&self, msg: Vec<u8>) -> Result<Option<Vec<u8>>> {
        Ok(Some(msg))
    }
}

#[remote(server = "account", crate = "game")]
trait Scores {
    async fn best(&self, ctx: &RpcContext<'_>, msg: Vec<u8>) -> Result<Vec<u8>>;
}

#[remote(crate = "game")]
impl Scores for Lobby {
    async fn best(&self, _ctx: &RpcContext<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

#[framework::remote(crate = "crate::framework")]
impl Lobby {
    async fn worst(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

#[test]
fn generated_code_names_the_crate_as_told() {
    let names: Vec<_> = Room::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(names, ["join", "say"]);
    assert_eq!(Lobby::ROUTES.len(), 1);
    let _: fn(&game::client::Client) -> RoomHandlerClient = RoomHandlerClient::new;
    let _: fn(&game::client::Client) -> LobbyHandlerClient = LobbyHandlerClient::new;
    assert_eq!(ScoresServer::<Lobby>::METHODS.len(), 1);
    assert_eq!(Lobby::METHODS.len(), 1);
    let _: fn(&game::AppHandle) -> ScoresClient<'_> = |app| ScoresClient::new(app);
    let _: fn(&game::AppHandle) -> LobbyRemoteClient<'_> = |app| LobbyRemoteClient::at(app, "a");
}
