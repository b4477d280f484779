//! The server type `room`: where the game is played. Its clients are connected elsewhere, to a
//! `connector`; their messages are forwarded here, and this code does not notice.

use pitaya::prelude::*;

use crate::accounts::{AccountsClient, Earn, Purse};

/// The name a player goes by.
#[message]
pub(crate) struct Enter {
    pub(crate) name: String,
}

#[message]
pub(crate) struct Entered {
    /// The server that the player was given.
    pub(crate) server: String,
}

#[message]
pub(crate) struct Roll {
    pub(crate) dice: u32,
}

pub(crate) struct Room;

#[handler]
impl Room {
    /// Takes part under a name. The bind happens on the client's own server.
    async fn enter(&self, ctx: &Context<'_>, msg: Enter) -> Result<Entered> {
        ctx.session().bind(&msg.name).await?;
        let server = ctx.app().server().id.clone();
        Ok(Entered { server })
    }

    /// Rolls dice and banks what they show.
    async fn roll(&self, ctx: &Context<'_>, msg: Roll) -> Result<Purse> {
        let player = ctx.session().uid().ok_or("enter first")?.to_string();
        let coins = 3 * msg.dice;
        // A typed call to a server of type `account`, wherever one is. Deadline and request id of
        // this call travel with it.
        let purse = AccountsClient::new(ctx)
            .earn(&Earn { player, coins })
            .await?;
        // Through the client's own server, like the bind.
        ctx.session().push("onPurse", &purse).await?;
        Ok(purse)
    }
}
