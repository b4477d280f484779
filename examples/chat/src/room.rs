//! The service `room`: who sits in which room, and what is said there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use garde::Validate;
use pitaya::prelude::*;
use tokio::sync::Mutex;

use crate::SERVER_TYPE;

/// How much of what was said a newcomer is shown.
const HISTORY: usize = 50;

// What travels between page and server. The server refuses what breaks a rule with `PIT-400`
// before a handler sees it, and tells which field and why.

/// A name in a room: what a client asks for, and what its session then has.
#[message(validate)]
#[derive(Validate)]
struct Seat {
    #[garde(custom(one_line::<32>))]
    room: String,
    #[garde(custom(one_line::<24>))]
    name: String,
}

/// What a newcomer finds.
#[message]
struct Joined {
    members: Vec<String>,
    history: Vec<Said>,
}

/// Something to say.
#[message(validate)]
#[derive(Validate)]
struct Say {
    #[garde(custom(filled::<1000>))]
    text: String,
}

/// Something that was said: `onMessage`, to everybody in the room, the speaker too.
#[message]
struct Said {
    from: String,
    text: String,
    /// Milliseconds since 1970; no two messages of a room have the same.
    at: u64,
}

/// Somebody came or went, and who is there now: `onJoin` and `onLeave`, to everybody else.
#[message]
struct Moved {
    name: String,
    members: Vec<String>,
}

/// The rooms somebody is in, by name.
#[message]
struct Rooms {
    rooms: Vec<RoomInfo>,
}

#[message]
struct RoomInfo {
    name: String,
    members: u32,
}

#[message]
struct Left {}

/// All rooms of this server; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Room {
    // Held while something is told, so that everybody hears everything in the same order. Telling
    // only queues; a server with slow work to do here would have one lock for each room.
    hall: Arc<Mutex<Hall>>,
}

/// A room is open, and has a group of the same name, while somebody is in it.
#[derive(Default)]
struct Hall {
    open: BTreeMap<String, Talk>,
    newest: u64,
}

#[derive(Default)]
struct Talk {
    members: BTreeSet<String>,
    history: VecDeque<Said>,
}

#[handler]
impl Room {
    /// Takes a seat in a room and gives up an earlier one.
    async fn join(&self, ctx: &Context<'_>, wanted: Seat) -> Result<Joined> {
        let (app, session) = (ctx.app(), ctx.session());
        let seat = Seat {
            room: wanted.room.trim().into(),
            name: wanted.name.trim().into(),
        };
        let uid = self.identify(session).await?;

        let mut hall = self.hall.lock().await;
        hall.vacate(session).await?;
        let talk = match hall.open.entry(seat.room.clone()) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(closed) => {
                app.groups().create(&seat.room).await?;
                closed.insert(Talk::default())
            }
        };
        if !talk.members.insert(seat.name.clone()) {
            let text = "Somebody in this room has this name.";
            return Err(Error::new("CHAT-400", text));
        }
        let (members, history) = (talk.members(), talk.history.iter().cloned().collect());
        session.with_state(|own| *own = Some(seat.clone()));
        tracing::info!(seat.room, seat.name, "joined");
        // The newcomer is not told: the answer says it all.
        talk.tell_moved(app, "onJoin", &seat).await?;
        app.groups().add_member(&seat.room, &uid).await?;
        Ok(Joined { members, history })
    }

    /// Gives up the seat.
    async fn leave(&self, ctx: &Context<'_>) -> Result<Left> {
        self.hall.lock().await.vacate(ctx.session()).await?;
        Ok(Left {})
    }

    /// Says something to the room. A notify: the speaker hears it like everybody else.
    async fn say(&self, ctx: &Context<'_>, say: Say) -> Result<()> {
        let mut hall = self.hall.lock().await;
        let seat = ctx
            .session()
            .with_state::<Option<Seat>, _>(|own| own.clone());
        let seat = seat.ok_or("join a room first")?;
        let said = Said {
            from: seat.name,
            text: say.text.trim().into(),
            at: hall.now(),
        };
        tell(ctx.app(), &seat.room, "onMessage", &said).await?;
        if let Some(talk) = hall.open.get_mut(&seat.room) {
            talk.remember(said);
        }
        Ok(())
    }

    /// Lists the open rooms.
    async fn rooms(&self) -> Result<Rooms> {
        let hall = self.hall.lock().await;
        let rooms = hall.open.iter().map(|(name, talk)| RoomInfo {
            name: name.clone(),
            members: talk.members.len() as u32,
        });
        Ok(Rooms {
            rooms: rooms.collect(),
        })
    }
}

impl Room {
    /// Binds a session to a user, so that groups can reach it, and frees its seat when it ends.
    async fn identify(&self, session: &Session) -> Result<Uid> {
        if let Some(uid) = session.uid() {
            return Ok(uid);
        }
        // A game would bind the account here. In this one whoever connects is somebody new.
        let uid = Uid::from(format!("guest-{}", session.id()));
        session.bind(&uid).await?;
        let room = self.clone();
        session.on_close(move |session, _reason| async move {
            if let Err(error) = room.hall.lock().await.vacate(&session).await {
                tracing::error!(%error, "a seat was not freed");
            }
        })?;
        Ok(uid)
    }
}

impl Hall {
    /// Frees the seat that a session has, if it has one.
    async fn vacate(&mut self, session: &Session) -> Result<()> {
        let seat = session.with_state::<Option<Seat>, _>(|own| own.take());
        let (Some(seat), Some(uid)) = (seat, session.uid()) else {
            return Ok(());
        };
        let Some(talk) = self.open.get_mut(&seat.room) else {
            return Ok(());
        };
        talk.members.remove(&seat.name);
        tracing::info!(seat.room, seat.name, "left");
        let groups = session.app().groups();
        if talk.members.is_empty() {
            self.open.remove(&seat.room);
            return groups.delete(&seat.room).await;
        }
        groups.remove_member(&seat.room, &uid).await?;
        talk.tell_moved(session.app(), "onLeave", &seat).await
    }

    /// The time, or a moment later when it has not moved on since the last message.
    fn now(&mut self) -> u64 {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.newest = (clock.as_millis() as u64).max(self.newest + 1);
        self.newest
    }
}

impl Talk {
    fn members(&self) -> Vec<String> {
        self.members.iter().cloned().collect()
    }

    fn remember(&mut self, said: Said) {
        self.history.push_back(said);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    async fn tell_moved(&self, app: &AppHandle, route: &str, seat: &Seat) -> Result<()> {
        let moved = Moved {
            name: seat.name.clone(),
            members: self.members(),
        };
        tell(app, &seat.room, route, &moved).await
    }
}

/// Pushes to everybody in a room. Who is not reached has just left: `on_close` sees to that.
async fn tell<T: pitaya::Body>(app: &AppHandle, room: &str, route: &str, told: &T) -> Result<()> {
    let delivery = app
        .groups()
        .broadcast(SERVER_TYPE, room, route, told)
        .await?;
    tracing::debug!(room, route, unreached = delivery.unreached.len(), "told");
    Ok(())
}

/// Rules for names: a text that stays on its line.
fn one_line<const MAX: usize>(value: &str, context: &()) -> garde::Result {
    if value.chars().any(char::is_control) {
        return Err(garde::Error::new("No line breaks here, please."));
    }
    filled::<MAX>(value, context)
}

/// Rules for everything that is shown: something, and not too much of it.
fn filled<const MAX: usize>(value: &str, _: &()) -> garde::Result {
    match value.trim().chars().count() {
        0 => Err(garde::Error::new("Please write something.")),
        n if n > MAX => Err(garde::Error::new(format!(
            "{n} characters are too many: {MAX} fit."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
