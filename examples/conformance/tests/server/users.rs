//! Users on several frontends: groups, pushes, kicks, and those who come twice.

use crate::dialect::{DIALECTS, Dialect, failure, push};
use crate::players::{KICK, Player};
use crate::set::{Bus, CONNECTORS, Gate, Set};

#[tokio::test]
async fn group_messages_of_a_backend_reach_members_on_two_frontends() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        groups_of_a_backend(&Set::ours(&bus, dialect).await).await;
    }
}

#[tokio::test]
async fn group_messages_of_a_frontend_reach_members_on_two_frontends() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        groups_of_a_frontend(&Set::ours(&bus, dialect).await).await;
    }
}

#[tokio::test]
async fn a_user_who_comes_again_is_kicked_elsewhere_but_not_from_another_type() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        unique_sessions(&Set::ours(&bus, dialect).await).await;
    }
}

#[tokio::test]
async fn a_kick_of_a_backend_ends_the_clients_connection() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        kicks(&Set::ours(&bus, dialect).await).await;
    }
}

#[tokio::test]
async fn pushes_of_any_server_reach_users_on_two_frontends() {
    let bus = Bus::start().await;
    pushes(&Set::ours(&bus, Dialect::Json).await).await;
}

/// The members bind at the backend, so the group is in its memory.
pub(crate) async fn groups_of_a_backend(set: &Set) {
    broadcasts(set, "game", CONNECTORS[0], "of-game").await;
}

/// The same with a frontend: of another type, whose clients are not the members; and of the members'
/// own type, after one of them has moved to the other frontend.
pub(crate) async fn groups_of_a_frontend(set: &Set) {
    broadcasts(set, "gate", Gate::Other, "of-gate").await;
    for (here, there) in [(0, 1), (1, 0)] {
        let (here, there) = (CONNECTORS[here], CONNECTORS[there]);
        let uid = |name: &str| format!("{name}-of-{here:?}");
        let (mut stays, mut moves) = (set.player(here).await, set.player(here).await);
        stays.binds("connector", &uid("stays")).await;
        moves.binds("connector", &uid("moves")).await;
        let mut moved = set.player(there).await;
        // Through the backend: the group of the second frontend is not meant.
        moved.binds("game", &uid("moves")).await;
        assert_eq!(moves.rest().await, [(KICK, vec![])]);
        stays
            .notify("connector.testsvc.testsendgroupmsg", b"news")
            .await;
        assert_eq!(stays.message().await, push("route.test", b"news"));
        assert_eq!(moved.message().await, push("route.test", b"news"));
    }
}

/// A client of `from` has a server of type `kind` tell its group, and hears nothing itself.
async fn broadcasts(set: &Set, kind: &str, from: Gate, name: &str) {
    let mut members = Vec::new();
    for gate in CONNECTORS {
        let mut named = set.player(gate).await;
        named.binds(kind, &format!("{name}-{gate:?}")).await;
        let mut nameless = set.player(gate).await;
        let bind = format!("{kind}.testsvc.testbind");
        assert_eq!(nameless.call(1, &bind, b"").await, b"\x04\x01ack");
        members.extend([named, nameless]);
    }
    let mut outsider = set.player(from).await;
    let typed = set.dialect.test_request("typed");
    let route = |method: &str| format!("{kind}.testsvc.{method}");
    outsider
        .notify(&route("testsendgroupmsg"), b"\x00raw")
        .await;
    for member in &mut members {
        assert_eq!(member.message().await, push("route.test", b"\x00raw"));
    }
    outsider.notify(&route("testsendgroupmsgptr"), &typed).await;
    for member in &mut members {
        assert_eq!(member.message().await, push("route.testptr", &typed));
        member.is_quiet().await;
    }
    outsider.is_quiet().await;
}

/// One session for each user on all frontends of a type.
pub(crate) async fn unique_sessions(set: &Set) {
    // Through the connector on one, through the backend on the other: no group has a user twice.
    for (here, there) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
        let uid = format!("again-{here}-{there}");
        let mut other_type = set.player(Gate::Other).await;
        other_type.binds("gate", &uid).await;
        let mut first = set.player(CONNECTORS[here]).await;
        first.binds("connector", &uid).await;
        let mut second = set.player(CONNECTORS[there]).await;
        second.binds("game", &uid).await;
        assert_eq!(first.rest().await, [(KICK, vec![])], "{uid}");
        second.is_quiet().await;
        other_type.is_quiet().await;
    }
}

pub(crate) async fn kicks(set: &Set) {
    let route = "game.testsvc.testrequestkickme";
    for gate in CONNECTORS {
        let mut kicked = set.player(gate).await;
        // A backend kicks users; this client is none yet.
        let text = "you have to bind an UID to the session to do that";
        let refused = failure(2, &set.dialect.error("PIT-000", text));
        assert_eq!(kicked.call(2, route, b"").await, refused);
        let uid = format!("kicked-{gate:?}");
        kicked.binds("game", &uid).await;
        // No session is on the backend: it finds nobody by name.
        let gone = failure(3, &set.dialect.error("PIT-404", "session not found"));
        let by_name = "game.testsvc.testrequestkickuser";
        assert_eq!(kicked.call(3, by_name, uid.as_bytes()).await, gone);
        kicked.request(4, route, b"").await;
        assert_eq!(kicked.rest().await, [(KICK, vec![])], "{gate:?}");
    }
}

pub(crate) async fn pushes(set: &Set) {
    let mut users = Vec::new();
    for (gate, name) in [(0, "a"), (1, "b"), (0, "c")] {
        let mut user = set.player(CONNECTORS[gate]).await;
        user.binds("game", name).await;
        users.push(user);
    }
    let mut outsider = set.player(CONNECTORS[1]).await;
    let mut other_type = set.player(Gate::Other).await;
    other_type.binds("gate", "a").await;
    let body = |text: &str| format!(r#"{{"uids":["a","nobody","b"],"msg":"{text}"}}"#).into_bytes();
    let reached = async |users: &mut [Player], text: &str| {
        for user in &mut users[..2] {
            let pushed = push("route.sendtousers", text.as_bytes());
            assert_eq!(user.message().await, pushed);
        }
    };
    for kind in ["connector", "game", "gate"] {
        let route = format!("{kind}.testsvc.testsendtousers");
        outsider.notify(&route, &body(kind)).await;
        reached(&mut users, kind).await;
    }
    // From the other frontend, and from the frontend of the other type.
    users[0]
        .notify("connector.testsvc.testsendtousers", &body("own"))
        .await;
    reached(&mut users, "own").await;
    other_type
        .notify("gate.testsvc.testsendtousers", &body("other"))
        .await;
    reached(&mut users, "other").await;
    for player in users.iter_mut().chain([&mut outsider, &mut other_type]) {
        player.is_quiet().await;
    }
}
