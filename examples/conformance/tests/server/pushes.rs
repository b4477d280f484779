//! Pushes to several clients at once.

use crate::dialect::{DIALECTS, Dialect, push, response};
use crate::players::{Player, TRANSPORTS, Transport};
use crate::process::Server;

async fn bind(player: &mut Player, uid: &str) {
    let answer = player
        .call(1, "connector.testsvc.testbindid", uid.as_bytes())
        .await;
    assert_eq!(
        answer,
        response(1, b"ack"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

/// Shows that nothing was pushed to the client before now: an answer comes first.
async fn assert_quiet(player: &mut Player) {
    let route = "connector.testsvc.testrequestreceivereturnsraw";
    assert_eq!(
        player.call(100, route, b"quiet").await,
        response(100, b"quiet")
    );
}

#[tokio::test]
async fn group_messages_reach_every_member_and_nobody_else() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        let mut members = Vec::new();
        for (uid, transport) in [("1", Transport::Tcp), ("2", Transport::WebSocket)] {
            let mut member = server.player(transport).await;
            bind(&mut member, uid).await;
            members.push(member);
        }
        let mut nameless = server.player(Transport::Tcp).await;
        let ack = nameless.call(1, "connector.testsvc.testbind", b"").await;
        assert_eq!(ack, response(1, b"ack"));
        members.push(nameless);
        let mut outsider = server.player(Transport::Tcp).await;

        // The sender need not be a member.
        let typed = dialect.test_request("typed");
        outsider
            .notify("connector.testsvc.testsendgroupmsg", b"\x00raw")
            .await;
        outsider
            .notify("connector.testsvc.testsendgroupmsgptr", &typed)
            .await;
        for member in &mut members {
            assert_eq!(member.message().await, push("route.test", b"\x00raw"));
            assert_eq!(member.message().await, push("route.testptr", &typed));
            assert_quiet(member).await;
        }
        assert_quiet(&mut outsider).await;

        // A member hears itself.
        members[0]
            .notify("connector.testsvc.testsendgroupmsg", b"again")
            .await;
        for member in &mut members {
            assert_eq!(member.message().await, push("route.test", b"again"));
        }
    }
}

#[tokio::test]
async fn a_push_to_users_reaches_those_who_are_there() {
    let server = Server::start(&[Dialect::Json.flag()]).await;
    let mut players = Vec::new();
    for uid in ["a", "b", "c"] {
        let transport = TRANSPORTS[players.len() % 2];
        let mut player = server.player(transport).await;
        bind(&mut player, uid).await;
        players.push(player);
    }
    let message = br#"{"uids":["a","nobody","c"],"msg":"hi <all>"}"#;
    players[1]
        .notify("connector.testsvc.testsendtousers", message)
        .await;
    assert_eq!(
        players[0].message().await,
        push("route.sendtousers", b"hi <all>")
    );
    assert_eq!(
        players[2].message().await,
        push("route.sendtousers", b"hi <all>")
    );
    assert_quiet(&mut players[1]).await;
}

#[tokio::test]
async fn a_notify_is_never_answered_not_even_when_it_fails() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        let mut player = server.player(Transport::Tcp).await;
        for (method, body) in [
            ("testrequestreturnserror", &b"x"[..]),
            ("testsendgroupmsgptr", b"\xff"),
            ("testsendtousers", b"\xff"),
            ("testsendtousers", br#"{"uids":["nobody"],"msg":"x"}"#),
            ("nonexistenthandler", b""),
        ] {
            player
                .notify(&format!("connector.testsvc.{method}"), body)
                .await;
        }
        assert_quiet(&mut player).await;
    }
}
