//! Rooms out of groups: enter, talk to everybody, talk to one's team, leave.
//!
//! ```sh
//! cargo run --release -p rooms
//! ```
//!
//! Plays one round, then serves 127.0.0.1:3250 until Ctrl-C. A group is a named list of user ids;
//! its members may be anywhere, and a message to them is encoded once. Nobody leaves a group by
//! disconnecting: whoever adds a user also removes them.

use std::time::Duration;

use pitaya::app::config::Sources;
use pitaya::app::{AppBuilder, Member};
use pitaya::groups::GroupError;
use pitaya::prelude::*;

/// Enters a room, as a member of a team.
#[message]
struct Enter {
    #[field(1)]
    name: String,
    #[field(2)]
    room: String,
    #[field(3)]
    team: u32,
}

/// Who is in the room.
#[message]
#[derive(Debug, PartialEq)]
struct Members {
    #[field(1)]
    names: Vec<String>,
}

/// Something that is said, by a player to the server or by the server to players.
#[message]
#[derive(Debug, PartialEq)]
struct Said {
    /// Who says it; the server fills it in.
    #[field(1)]
    from: String,
    /// What is said.
    #[field(2)]
    text: String,
}

/// The frontend type that players connect to, and the first part of every route.
const SERVER_TYPE: &str = "rooms";

/// A room that nobody talks in vanishes after this time.
const QUIET: Duration = Duration::from_secs(600);

/// Where a player sits: typed state of the session, there for as long as the player is.
#[derive(Default, Clone)]
struct Seat {
    room: Option<String>,
    team: u32,
}

struct Rooms;

#[handler]
impl Rooms {
    /// Makes the room when it is the first.
    async fn enter(&self, ctx: &Context<'_>, msg: Enter) -> Result<Members> {
        let (session, groups) = (ctx.session(), ctx.app().groups());
        session.bind(&*msg.name).await?;
        match groups.create_with_ttl(&msg.room, QUIET).await {
            Err(error) if GroupError::of(&error) == Some(GroupError::AlreadyExists) => {}
            created => created?,
        }
        groups.add_member(&msg.room, &msg.name).await?;
        session.with_state::<Seat, _>(|seat| {
            *seat = Seat {
                room: Some(msg.room.clone()),
                team: msg.team,
            };
        });
        session.on_close(|session, _reason| async move {
            if let Err(error) = leave(&session).await {
                println!("server: {:?} stays in a room: {error}", session.uid());
            }
        })?;
        let members = groups.members(&msg.room).await?;
        Ok(Members {
            names: members.iter().map(|uid| uid.to_string()).collect(),
        })
    }

    /// To everybody in the room, the player included; keeps the room for another while.
    async fn say(&self, ctx: &Context<'_>, mut msg: Said) -> Result<()> {
        let (room, _) = seat(ctx.session())?;
        msg.from = name(ctx.session());
        ctx.app().groups().renew(&room).await?;
        let delivery = ctx
            .app()
            .groups()
            .broadcast(SERVER_TYPE, &room, "onSaid", &msg)
            .await?;
        // Who is in the room and was not reached; with one server that is who just disconnects.
        if !delivery.unreached.is_empty() {
            println!("server: {:?} did not hear it", delivery.unreached);
        }
        Ok(())
    }

    /// To the members of the player's team: those whose session the filter accepts.
    async fn whisper(&self, ctx: &Context<'_>, mut msg: Said) -> Result<()> {
        let (room, team) = seat(ctx.session())?;
        msg.from = name(ctx.session());
        // Of members on other servers only the user is known, not the seat.
        let same_team = |member: Member<'_>| {
            let plays = |session: &Session| session.with_state::<Seat, _>(|seat| seat.team == team);
            member.session().is_some_and(plays)
        };
        let groups = ctx.app().groups();
        groups
            .multicast(SERVER_TYPE, &room, "onWhisper", &msg, same_team)
            .await?
            .into_result()
    }

    async fn leave(&self, ctx: &Context<'_>) -> Result<Members> {
        let (room, _) = seat(ctx.session())?;
        leave(ctx.session()).await?;
        let members = ctx.app().groups().members(&room).await?;
        Ok(Members {
            names: members.iter().map(|uid| uid.to_string()).collect(),
        })
    }
}

/// The player's room and team.
fn seat(session: &Session) -> Result<(String, u32)> {
    let seat = session.with_state::<Seat, _>(|seat| seat.clone());
    let room = seat
        .room
        .ok_or(Error::new("ROOM-1", "enter a room first"))?;
    Ok((room, seat.team))
}

fn name(session: &Session) -> String {
    session.uid().map(|uid| uid.to_string()).unwrap_or_default()
}

/// Ends the player's membership; does nothing outside of a room.
async fn leave(session: &Session) -> Result<()> {
    let Some(room) = session.with_state::<Seat, _>(|seat| seat.room.take()) else {
        return Ok(());
    };
    session
        .app()
        .groups()
        .remove_member(&room, &name(session))
        .await
}

fn rooms() -> AppBuilder {
    App::builder(SERVER_TYPE).handler(Rooms)
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().init();
    let server = rooms()
        .config_from(Sources::process())
        .acceptor(Tcp::bind("127.0.0.1:3250"));
    let server = server.start().await?;

    let mut players = Vec::new();
    for (name, team) in [("ann", 1), ("bob", 2), ("cy", 1)] {
        let player = RoomsHandlerClient::connect("127.0.0.1:3250").await?;
        let enter = Enter {
            name: name.to_owned(),
            room: "hall".to_owned(),
            team,
        };
        println!("{name}: enters, {:?}", player.enter(&enter).await?);
        players.push((name, player));
    }
    if let Some((_, ann)) = players.first() {
        ann.whisper(&Said {
            from: String::new(),
            text: "team, listen".to_owned(),
        })
        .await?;
        ann.say(&Said {
            from: String::new(),
            text: "hello all".to_owned(),
        })
        .await?;
    }
    for (name, player) in &players {
        println!(
            "{name}: hears {:?}",
            player
                .client()
                .next_push("onSaid")
                .await?
                .decode::<Said>()?
        );
    }

    server.run().await;
    Ok(())
}

#[cfg(test)]
mod tests;
