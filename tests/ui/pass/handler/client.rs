//! The typed client has a method for each route, with the route's types.
#![deny(warnings)]

use pitaya::client::{Client, Error};
use pitaya::{Context, Result, handler};

struct Room;

#[derive(Debug)]
struct Lobby;

type Outcome = Result<Vec<u8>>;

#[handler]
impl Room {
    /// Enters.
    async fn join(&self, _ctx: &Context<'_>, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
    async fn find(&self, _: Vec<u8>) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    async fn alias(&self) -> Outcome {
        Ok(Vec::new())
    }
    #[route(name = "shout")]
    fn say(&self, _msg: Vec<u8>) {}
    async fn leave(&self) -> Result<()> {
        Ok(())
    }
    #[route(skip)]
    #[allow(dead_code)]
    async fn helper(&self) {}
}

#[handler(client = "LobbyCalls")]
impl Lobby {
    // The client's own functions keep their names.
    async fn new(&self) {}
    async fn at(&self) {}
    async fn connect(&self) {}
    async fn connect_(&self) {}
    async fn client(&self, msg: Vec<u8>) -> Result<Vec<u8>> {
        Ok(msg)
    }
}

mod silent {
    pub struct Silent;

    #[pitaya::handler(client = false)]
    impl Silent {
        async fn join(&self) {}
    }

    // Would collide with a generated one.
    #[allow(dead_code)]
    pub struct SilentHandlerClient;
}

async fn room(client: &Client) -> Result<(), Error> {
    let room = RoomHandlerClient::new(client).at("chat");
    let _: Vec<u8> = room.join(&vec![1]).await?;
    let _: Vec<u8> = room.clone().find(&vec![1]).await?;
    let _: Vec<u8> = room.alias().await?;
    let () = room.say(&vec![1]).await?;
    let () = room.leave().await?;
    let _: &Client = room.client();
    Ok(())
}

async fn lobby() -> Result<(), Error> {
    let lobby = LobbyCalls::connect("127.0.0.1:1").await?;
    let () = lobby.new_().await?;
    let () = lobby.at_().await?;
    let () = lobby.connect__().await?;
    let () = lobby.connect_().await?;
    let _: Vec<u8> = lobby.client_(&vec![1]).await?;
    Ok(())
}

fn is_send<T: Send>(_: &T) {}

fn main() {
    // What the calls do is tested where there is a server to call.
    is_send(&lobby());
    let call = |client: Client| {
        let call = async move { room(&client).await };
        is_send(&call);
    };
    let _ = call;

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(RoomHandlerClient::connect("nowhere"));
    assert!(matches!(refused, Err(Error::Target { .. })), "{refused:?}");
}
