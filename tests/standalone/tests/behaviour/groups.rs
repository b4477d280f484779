//! Groups, and pushes and kicks to users.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pitaya::app::Delivery;
use pitaya::groups::GroupError;
use pitaya::protocol::packet::PacketType;
use pitaya::{App, Bytes, Result, message};
use standalone_tests::RawClient;
use tokio::time::sleep;

use super::pipelines::Marked;
use super::support::{Book, app, connect, eventually, stage, start};

/// Connects, and binds to `uid`.
async fn player(app: &App, uid: &str) -> RawClient {
    let mut client = connect(app).await;
    assert!(!client.call(1, "stage.bind", uid.as_bytes()).await.error);
    client
}

async fn group_of(app: &App, group: &str, members: &[&str]) {
    let groups = app.handle().groups();
    groups.create(group).await.unwrap();
    for uid in members {
        groups.add_member(group, uid).await.unwrap();
    }
}

fn unreached(delivery: Result<Delivery>) -> Vec<String> {
    delivery
        .unwrap()
        .unreached
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[message]
struct News {
    text: String,
}

fn news(text: &str) -> News {
    News {
        text: text.to_owned(),
    }
}

fn kind(error: pitaya::Error) -> GroupError {
    GroupError::of(&error).expect("the caller did something wrong")
}

#[tokio::test]
async fn groups_are_made_filled_emptied_and_deleted() {
    let app = start(app().handler(stage().0)).await;
    let groups = app.handle().groups();
    assert_eq!(
        kind(groups.members("hall").await.unwrap_err()),
        GroupError::NotFound
    );
    groups.create("hall").await.unwrap();
    assert_eq!(
        kind(groups.create("hall").await.unwrap_err()),
        GroupError::AlreadyExists
    );
    groups.add_member("hall", "ada").await.unwrap();
    groups.add_member("hall", "bob").await.unwrap();
    let twice = groups.add_member("hall", "ada").await.unwrap_err();
    assert_eq!(kind(twice), GroupError::MemberAlreadyExists);
    assert_eq!(
        kind(groups.add_member("hall", "").await.unwrap_err()),
        GroupError::EmptyUid
    );
    assert_eq!(
        groups
            .members("hall")
            .await
            .unwrap()
            .iter()
            .map(|uid| &**uid)
            .collect::<Vec<_>>(),
        ["ada", "bob"]
    );
    assert!(groups.contains("hall", "ada").await.unwrap());
    assert!(!groups.contains("hall", "eve").await.unwrap());
    groups.remove_member("hall", "ada").await.unwrap();
    let gone = groups.remove_member("hall", "ada").await.unwrap_err();
    assert_eq!(kind(gone), GroupError::MemberNotFound);
    assert_eq!(groups.count("hall").await.unwrap(), 1);
    groups.remove_all("hall").await.unwrap();
    assert_eq!(groups.count("hall").await.unwrap(), 0);
    assert_eq!(
        kind(groups.renew("hall").await.unwrap_err()),
        GroupError::TtlNotFound
    );
    groups.delete("hall").await.unwrap();
    assert_eq!(
        kind(groups.delete("hall").await.unwrap_err()),
        GroupError::NotFound
    );
    app.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_time_to_live_vanishes_unless_it_is_renewed() {
    let app = app().handler(stage().0).start().await.unwrap();
    let groups = app.handle().groups();
    let ttl = Duration::from_secs(60);
    groups.create_with_ttl("hall", ttl).await.unwrap();
    groups.add_member("hall", "ada").await.unwrap();
    sleep(ttl * 2 / 3).await;
    groups.renew("hall").await.unwrap();
    sleep(ttl * 2 / 3).await;
    assert_eq!(groups.count("hall").await.unwrap(), 1);
    sleep(ttl / 2).await;
    assert_eq!(
        kind(groups.count("hall").await.unwrap_err()),
        GroupError::NotFound
    );
    groups.create("hall").await.unwrap();
    app.shutdown().await;
}

#[tokio::test]
async fn a_broadcast_reaches_the_members_encodes_once_and_tells_who_was_missed() {
    let (codec, book) = (Marked::default(), Book::default());
    let app = app()
        .handler(stage().0)
        .codec(codec.clone())
        .recorder(book.recorder());
    let app = start(app).await;
    let mut players = Vec::new();
    for uid in ["a", "b", "c", "d"] {
        players.push(player(&app, uid).await);
    }
    group_of(&app, "hall", &["a", "gone", "c", "d", "lost"]).await;
    let before = codec.encoded.load(Ordering::Relaxed);
    let groups = app.handle().groups();
    let delivery = groups
        .broadcast("game", "hall", "onNews", &news("hi"))
        .await;
    assert_eq!(unreached(delivery), ["gone", "lost"]);
    assert_eq!(codec.encoded.load(Ordering::Relaxed), before + 1);
    assert_eq!(book.total("pitaya_push_unreached_users_total"), 2.0);
    for n in [0, 2, 3] {
        let message = players[n].message().await;
        assert_eq!(
            (&*message.route, message.text()),
            ("onNews", r#"!{"text":"hi"}"#)
        );
    }
    // The one who is no member gets its own answer next.
    players[1].request(2, "stage.echo", b"own").await;
    assert_eq!(players[1].message().await.text(), "own");
    let none = groups
        .broadcast("game", "none", "onNews", &news("hi"))
        .await
        .unwrap_err();
    assert_eq!(kind(none), GroupError::NotFound);
    app.shutdown().await;
}

#[tokio::test]
async fn a_multicast_reaches_those_whom_the_filter_accepts() {
    let app = start(app().handler(stage().0)).await;
    let (mut ada, mut bob) = (player(&app, "ada").await, player(&app, "bob").await);
    group_of(&app, "hall", &["ada", "bob", "gone"]).await;
    let sessions = app.handle().sessions();
    sessions.by_uid("ada").unwrap().set("team", "red").unwrap();
    sessions.by_uid("bob").unwrap().set("team", "blue").unwrap();
    let red = |member: pitaya::app::Member<'_>| {
        // A member without session is picked, and then not reached.
        let Some(session) = member.session() else {
            return true;
        };
        assert_eq!(session.uid().as_ref(), Some(member.uid()));
        // The filter may use the app: no lock is held while it runs.
        assert!(session.app().sessions().by_uid("ada").is_some());
        session.get::<String>("team").unwrap().as_deref() == Some("red")
    };
    let groups = app.handle().groups();
    let delivery = groups
        .multicast("game", "hall", "onTeam", &news("go"), red)
        .await;
    assert_eq!(
        unreached(delivery),
        ["gone"],
        "who is left out is not missed"
    );
    assert_eq!(ada.message().await.route, "onTeam");
    bob.request(2, "stage.echo", b"nothing").await;
    assert_eq!(bob.message().await.text(), "nothing");
    app.shutdown().await;
}

#[tokio::test]
async fn pushes_to_users_tell_who_was_not_reached() {
    let codec = Marked::default();
    let app = start(app().handler(stage().0).codec(codec.clone())).await;
    let (mut ada, mut bob) = (player(&app, "ada").await, player(&app, "bob").await);
    let before = codec.encoded.load(Ordering::Relaxed);
    let handle = app.handle();
    let delivery = handle
        .push_to_users("game", ["ada", "eve", "bob"], "on", &news("x"))
        .await
        .unwrap();
    assert_eq!(codec.encoded.load(Ordering::Relaxed), before + 1);
    let error = delivery.clone().into_result().unwrap_err();
    assert_eq!(
        (error.code(), error.metadata()["failed"].as_str()),
        ("PIT-404", "eve")
    );
    assert_eq!(unreached(Ok(delivery)), ["eve"]);
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.message().await.text(), r#"!{"text":"x"}"#);
    }
    let all = handle
        .push_to_users("game", ["ada", "bob"], "on", &Bytes::from_static(b"raw"))
        .await;
    all.unwrap().into_result().unwrap();
    assert_eq!(ada.message().await.text(), "raw");
    app.shutdown().await;
}

#[tokio::test]
async fn kicks_of_users_tell_who_was_not_reached() {
    let app = start(app().handler(stage().0)).await;
    let (mut ada, mut bob) = (player(&app, "ada").await, player(&app, "bob").await);
    let handle = app.handle();
    handle
        .push_to_users("game", ["ada"], "last words", &Bytes::new())
        .await
        .unwrap()
        .into_result()
        .unwrap();
    assert_eq!(
        unreached(handle.kick_users("game", ["ada", "eve"]).await),
        ["eve"]
    );
    assert_eq!(ada.message().await.route, "last words");
    assert_eq!(ada.rest().await, [(PacketType::Kick, Vec::new())]);
    eventually("she is gone", || handle.sessions().by_uid("ada").is_none()).await;
    assert_eq!(unreached(handle.kick_users("game", ["ada"]).await), ["ada"]);
    assert_eq!(bob.call(2, "stage.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
}

#[tokio::test]
async fn another_frontend_type_reaches_nobody() {
    let app = start(app().handler(stage().0)).await;
    let mut ada = player(&app, "ada").await;
    group_of(&app, "hall", &["ada"]).await;
    let handle = app.handle();
    for kind in ["connector", ""] {
        assert_eq!(
            unreached(handle.push_to_users(kind, ["ada"], "on", &news("x")).await),
            ["ada"]
        );
        assert_eq!(unreached(handle.kick_users(kind, ["ada"]).await), ["ada"]);
        let groups = handle.groups();
        assert_eq!(
            unreached(groups.broadcast(kind, "hall", "on", &news("x")).await),
            ["ada"]
        );
        let all = groups
            .multicast(kind, "hall", "on", &news("x"), |_| true)
            .await;
        assert_eq!(unreached(all), ["ada"]);
    }
    assert_eq!(ada.call(2, "stage.echo", b"alive").await.text(), "alive");
    app.shutdown().await;
}
