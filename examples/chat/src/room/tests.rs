//! Players at a real server, over its WebSocket, by the client that `#[handler]` generates.

use std::time::Duration;

use pitaya::client::{Error as ClientError, TypedPushStream};
use pitaya::{App, Body, Config, Error, WebSocket};
use tokio::time::timeout;

use super::*;

/// Generous: only a failing test ever waits this long.
const DEADLINE: Duration = Duration::from_secs(30);

async fn open() -> App {
    App::builder(SERVER_TYPE)
        .config(Config::for_test())
        .acceptor(WebSocket::bind("127.0.0.1:0"))
        .handler(Room::default())
        .start()
        .await
        .unwrap()
}

struct Player {
    room: RoomHandlerClient,
    messages: TypedPushStream<Said>,
    joined: TypedPushStream<Moved>,
    left: TypedPushStream<Moved>,
}

impl Player {
    async fn connect(app: &App) -> Self {
        let url = format!("ws://{}/", app.local_addr(0).unwrap());
        let room = RoomHandlerClient::connect(&url).await.unwrap();
        Self {
            messages: room.client().on("onMessage"),
            joined: room.client().on("onJoin"),
            left: room.client().on("onLeave"),
            room,
        }
    }

    async fn seated(app: &App, room: &str, name: &str) -> Self {
        let player = Self::connect(app).await;
        player.join(room, name).await.unwrap();
        player
    }

    async fn join(&self, room: &str, name: &str) -> Result<Joined, ClientError> {
        let (room, name) = (room.to_owned(), name.to_owned());
        self.room.join(&Seat { room, name }).await
    }

    async fn say(&self, text: &str) {
        let text = text.to_owned();
        self.room.say(&Say { text }).await.unwrap();
    }

    async fn hears(&mut self, from: &str, text: &str) -> u64 {
        let said = next(&mut self.messages).await;
        assert_eq!((&*said.from, &*said.text), (from, text));
        said.at
    }

    async fn rooms(&self) -> Vec<(String, u32)> {
        let list = self.room.rooms().await.unwrap();
        list.rooms
            .into_iter()
            .map(|room| (room.name, room.members))
            .collect()
    }
}

async fn next<T: Body>(pushes: &mut TypedPushStream<T>) -> T {
    let push = timeout(DEADLINE, pushes.next()).await;
    push.expect("a push in time")
        .expect("a connection")
        .expect("a body")
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Error {
    match answer {
        Err(ClientError::Server(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn moved(name: &str, members: &[&str]) -> Moved {
    let members = members.iter().map(|&name| name.to_owned()).collect();
    Moved {
        name: name.to_owned(),
        members,
    }
}

#[tokio::test]
async fn people_in_a_room_hear_each_other_and_themselves() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    let mut ben = Player::connect(&app).await;
    let joined = ben.join("hall", "Ben").await.unwrap();
    assert_eq!(
        (joined.members, joined.history),
        (vec!["Ada".into(), "Ben".into()], vec![])
    );
    assert_eq!(next(&mut ada.joined).await, moved("Ben", &["Ada", "Ben"]));

    ada.say("hello").await;
    for player in [&mut ada, &mut ben] {
        player.hears("Ada", "hello").await;
    }
    ben.say("  hello yourself\n").await;
    for player in [&mut ada, &mut ben] {
        player.hears("Ben", "hello yourself").await;
    }
    app.shutdown().await;
}

#[tokio::test]
async fn nothing_leaves_its_room() {
    let app = open().await;
    let ada = Player::seated(&app, "hall", "Ada").await;
    let mut ben = Player::seated(&app, "garden", "Ben").await;
    assert_eq!(
        ben.rooms().await,
        [("garden".into(), 1), ("hall".into(), 1)]
    );
    ada.say("only for the hall").await;
    // Answered behind what was said, so whatever it brought to Ben would be queued before his own.
    ada.rooms().await;
    ben.say("only for the garden").await;
    ben.hears("Ben", "only for the garden").await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_name_is_one_persons_in_a_room() {
    let app = open().await;
    let ada = Player::seated(&app, "hall", "Ada").await;
    let other = Player::connect(&app).await;
    let taken = refusal(other.join(" hall ", "Ada\u{20}").await);
    assert_eq!(taken.code(), "CHAT-400");
    assert_eq!(ada.rooms().await, [("hall".into(), 1)]);
    other.join("garden", "Ada").await.unwrap();
    app.shutdown().await;
}

#[tokio::test]
async fn what_is_empty_or_too_long_is_refused_by_field() {
    let app = open().await;
    let ada = Player::connect(&app).await;
    let (fits, too_long) = ("ä".repeat(24), "ä".repeat(25));
    for (room, name, fields) in [
        (" ", "", &["name", "room"][..]),
        ("hall", &too_long, &["name"]),
        (&"r".repeat(33), "Ada", &["room"]),
        ("hall\nway", "Ada", &["room"]),
        ("hall", "A\u{7}da", &["name"]),
    ] {
        let error = refusal(ada.join(room, name).await);
        assert_eq!(error.code(), "PIT-400", "{room:?} {name:?}");
        assert_eq!(
            error.metadata().keys().collect::<Vec<_>>(),
            fields,
            "{room:?} {name:?}"
        );
    }
    ada.join(&"r".repeat(32), &fits).await.unwrap();
    app.shutdown().await;
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_is_not_told() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    ada.say(" \n ").await;
    ada.say(&"x".repeat(1001)).await;
    let longest = format!("two\nlines, {}", "x".repeat(989));
    ada.say(&longest).await;
    ada.hears("Ada", &longest).await;
    app.shutdown().await;
}

#[tokio::test]
async fn whoever_has_no_seat_is_not_heard() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    let ben = Player::connect(&app).await;
    ben.say("can you hear me?").await;
    ben.rooms().await;
    ada.say("I hear nothing").await;
    ada.hears("Ada", "I hear nothing").await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_newcomer_is_shown_the_last_messages_in_order() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    for n in 0..HISTORY + 3 {
        ada.say(&n.to_string()).await;
    }
    let mut told = Vec::new();
    for n in 0..HISTORY + 3 {
        told.push(ada.hears("Ada", &n.to_string()).await);
    }
    assert!(
        told.is_sorted_by(|earlier, later| earlier < later),
        "{told:?}"
    );

    let ben = Player::connect(&app).await;
    let history = ben.join("hall", "Ben").await.unwrap().history;
    let shown: Vec<_> = history.iter().map(|said| said.at).collect();
    assert_eq!(shown, told[3..]);
    app.shutdown().await;
}

#[tokio::test]
async fn leaving_frees_the_seat_and_tells_the_others() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    let ben = Player::seated(&app, "hall", "Ben").await;
    ben.room.leave().await.unwrap();
    assert_eq!(next(&mut ada.left).await, moved("Ben", &["Ada"]));
    // A second time changes nothing.
    ben.room.leave().await.unwrap();
    ada.room.leave().await.unwrap();
    assert_eq!(ben.rooms().await, []);
    // The room opens anew, on the same connections and without its past.
    let joined = ben.join("hall", "Ada").await.unwrap();
    assert_eq!(
        (joined.members, joined.history),
        (vec!["Ada".into()], vec![])
    );
    app.shutdown().await;
}

#[tokio::test]
async fn joining_another_room_leaves_the_first() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    let ben = Player::seated(&app, "hall", "Ben").await;
    ben.join("garden", "Ben").await.unwrap();
    assert_eq!(next(&mut ada.left).await, moved("Ben", &["Ada"]));
    assert_eq!(
        ada.rooms().await,
        [("garden".into(), 1), ("hall".into(), 1)]
    );
    app.shutdown().await;
}

#[tokio::test]
async fn a_lost_connection_frees_the_seat_and_tells_the_others() {
    let app = open().await;
    let mut ada = Player::seated(&app, "hall", "Ada").await;
    let ben = Player::seated(&app, "hall", "Ben").await;
    ben.room.client().disconnect();
    assert_eq!(next(&mut ada.left).await, moved("Ben", &["Ada"]));
    let back = Player::seated(&app, "hall", "Ben").await;
    assert_eq!(next(&mut ada.joined).await, moved("Ben", &["Ada", "Ben"]));
    assert_eq!(next(&mut ada.joined).await, moved("Ben", &["Ada", "Ben"]));
    drop(back);
    app.shutdown().await;
}
