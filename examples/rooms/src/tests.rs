//! What happens in a room, as its members see it.

use pitaya::Message;
use pitaya::message::descriptor::proto_files;

use super::*;

async fn start() -> App {
    let server = rooms()
        .config(Config::for_test())
        .acceptor(Tcp::bind("127.0.0.1:0"));
    server.start().await.unwrap()
}

async fn player(server: &App) -> RoomsHandlerClient {
    RoomsHandlerClient::connect(server.local_addr(0).unwrap())
        .await
        .unwrap()
}

async fn enter(server: &App, name: &str, team: u32) -> (RoomsHandlerClient, Vec<String>) {
    let player = player(server).await;
    let enter = Enter {
        name: name.to_owned(),
        room: "hall".to_owned(),
        team,
    };
    let members = player.enter(&enter).await.unwrap();
    (player, members.names)
}

fn text(text: &str) -> Said {
    Said {
        from: String::new(),
        text: text.to_owned(),
    }
}

async fn hears(player: &RoomsHandlerClient, route: &str) -> (String, String) {
    let push = player.client().next_push(route).await.unwrap();
    let said: Said = push.decode().unwrap();
    (said.from, said.text)
}

fn said(from: &str, text: &str) -> (String, String) {
    (from.to_owned(), text.to_owned())
}

#[tokio::test]
async fn members_hear_each_other_and_whispers_stay_in_the_team() {
    let server = start().await;
    let (ann, _) = enter(&server, "ann", 1).await;
    let (bob, _) = enter(&server, "bob", 2).await;
    let (cy, names) = enter(&server, "cy", 1).await;
    assert_eq!(names, ["ann", "bob", "cy"]);

    ann.whisper(&text("team")).await.unwrap();
    ann.say(&text("all")).await.unwrap();
    for player in [&ann, &cy] {
        assert_eq!(hears(player, "onWhisper").await, said("ann", "team"));
        assert_eq!(hears(player, "onSaid").await, said("ann", "all"));
    }
    // Pushes come in order: what bob hears first is what came first for him.
    let first = bob.client().pushes().next().await.unwrap();
    assert_eq!(&*first.route, "onSaid");
    server.shutdown().await;
}

#[tokio::test]
async fn players_leave_by_request_and_by_disconnecting() {
    let server = start().await;
    let (ann, _) = enter(&server, "ann", 1).await;
    let (bob, _) = enter(&server, "bob", 2).await;
    assert_eq!(ann.leave().await.unwrap().names, ["bob"]);
    let refused = Error::from(ann.leave().await.unwrap_err());
    assert_eq!(
        (refused.code(), refused.message()),
        ("ROOM-1", "enter a room first")
    );

    let left = server.handle().sessions().by_uid("bob").unwrap();
    let (ended, end) = tokio::sync::oneshot::channel();
    left.on_close(|_, _| async { ended.send(()).unwrap() })
        .unwrap();
    bob.client().disconnect();
    // Callbacks run in the order of their registration.
    tokio::time::timeout(Duration::from_secs(20), end)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(server.handle().groups().count("hall").await.unwrap(), 0);
    server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_room_vanishes_and_a_talking_one_stays() {
    let server = rooms().config(Config::for_test()).start().await.unwrap();
    let groups = server.handle().groups();
    groups.create_with_ttl("hall", QUIET).await.unwrap();
    tokio::time::advance(QUIET * 2 / 3).await;
    groups.renew("hall").await.unwrap();
    tokio::time::advance(QUIET * 2 / 3).await;
    assert!(groups.count("hall").await.is_ok());
    tokio::time::advance(QUIET).await;
    let error = groups.count("hall").await.unwrap_err();
    assert_eq!(GroupError::of(&error), Some(GroupError::NotFound));
    server.shutdown().await;
}

#[test]
fn other_languages_are_told_the_same_messages() {
    let types = [Enter::DESCRIPTOR, Members::DESCRIPTOR, Said::DESCRIPTOR];
    let [file] = &proto_files(types).unwrap()[..] else {
        panic!("one package, one file")
    };
    let written = include_str!("../../../protos/rooms.proto");
    assert_eq!(
        written, file.text,
        "protos/rooms.proto is to be:\n{}",
        file.text
    );
}
