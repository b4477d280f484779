//! What a set of servers answers: forwarded requests, and calls of servers by servers.

use crate::dialect::{DIALECTS, Dialect};
use crate::rows::{Answer, check, rows, rows_of_a_frontend};
use crate::set::{Bus, CONNECTORS, Gate, Set};

#[tokio::test]
async fn every_row_is_answered_byte_for_byte_by_a_server_elsewhere() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        bodies(&Set::ours(&bus, dialect).await).await;
    }
}

#[tokio::test]
async fn servers_call_each_other_in_both_directions() {
    let bus = Bus::start().await;
    for dialect in DIALECTS {
        remotes(&Set::ours(&bus, dialect).await).await;
    }
}

/// Every row of the handlers' table, of a backend and of a frontend of another type.
pub(crate) async fn bodies(set: &Set) {
    for gate in CONNECTORS {
        let mut player = set.player(gate).await;
        check(&mut player, &rows(set.dialect, "connector")).await;
        check(&mut player, &rows_of_a_frontend(set.dialect)).await;
        for kind in ["game", "gate"] {
            check(&mut player, &rows(set.dialect, kind)).await;
            check(
                &mut player,
                &binds(set.dialect, kind, &format!("{gate:?}-{kind}")),
            )
            .await;
            player = set.player(gate).await;
        }
    }
    let mut player = set.player(Gate::Other).await;
    for kind in ["game", "connector", "gate"] {
        check(&mut player, &rows(set.dialect, kind)).await;
    }
}

/// A session is bound once, by whomever.
fn binds(dialect: Dialect, kind: &str, uid: &str) -> Vec<(String, Vec<u8>, Answer)> {
    let refused = |text| Answer::Error(dialect.error("PIT-444", text));
    let route = |method: &str| format!("{kind}.testsvc.{method}");
    let again = "session is already bound to an uid";
    vec![
        (route("testbindid"), vec![], refused("illegal uid")),
        (
            route("testbindid"),
            uid.as_bytes().to_vec(),
            Answer::Body(b"ack".to_vec()),
        ),
        (route("testbindid"), b"other".to_vec(), refused(again)),
        (route("testbind"), vec![], refused(again)),
        (
            "connector.testsvc.testbind".to_owned(),
            vec![],
            refused(again),
        ),
    ]
}

/// Every row of the remotes' table, from a frontend to a backend, back, and between frontends.
pub(crate) async fn remotes(set: &Set) {
    for gate in CONNECTORS {
        let mut player = set.player(gate).await;
        for (from, to) in [
            ("connector", "game"),
            ("game", "connector"),
            ("connector", "gate"),
            ("gate", "game"),
        ] {
            check(&mut player, &calls(set.dialect, from, to)).await;
        }
        for own in ["connector", "game"] {
            check(&mut player, &calls_at_home(set.dialect, own)).await;
        }
    }
}

fn calls(dialect: Dialect, from: &str, to: &str) -> Vec<(String, Vec<u8>, Answer)> {
    let with = format!("{from}.testsvc.testsendrpc");
    let without = format!("{from}.testsvc.testsendrpcnoargs");
    if dialect == Dialect::Protobuf {
        // The argument is one that only JSON carries.
        let refused = || dialect.error("PIT-400", "protobuf: convert on wrong type value");
        return [with, without]
            .map(|route| (route, vec![], Answer::Error(refused())))
            .into();
    }
    let got = |what| Answer::Body(dialect.test_response(what));
    let error = |code, msg, metadata| Answer::Error(dialect.error_with(code, msg, metadata));
    let unknown = ("route", "testremotesvc.rpctestnotfound");
    let rows = [
        (&with, "rpctestrawptrreturnsptr", got("got thisthis")),
        (&with, "rpctestptrreturnsptr", got("got thisthis")),
        (
            &with,
            "rpctestreturnserror",
            error("PIT-433", "test error", ("some", "meta")),
        ),
        (&with, "rpctestnoargs", got("got nothing")),
        (
            &with,
            "rpctestnotfound",
            error("PIT-404", "route not found", unknown),
        ),
        (&without, "rpctestnoargs", got("got nothing")),
        (&without, "rpctestptrreturnsptr", got("got ")),
        (
            &without,
            "rpctestnotfound",
            error("PIT-404", "route not found", unknown),
        ),
    ];
    let rows = rows.map(|(route, method, answer)| (route.clone(), asking(to, method), answer));
    let nowhere = Answer::Error(dialect.error("PIT-500", "no servers available of this type"));
    rows.into_iter()
        .chain([(with.clone(), asking("nowhere", "rpctestnoargs"), nowhere)])
        .collect()
}

/// A call that might stay on the server is refused.
fn calls_at_home(dialect: Dialect, own: &str) -> Vec<(String, Vec<u8>, Answer)> {
    if dialect == Dialect::Protobuf {
        return Vec::new();
    }
    let text = "you are making a rpc that may be processed locally, \
                either specify a different server type or specify a server id";
    ["testsendrpc", "testsendrpcnoargs"]
        .map(|method| {
            (
                format!("{own}.testsvc.{method}"),
                asking(own, "rpctestptrreturnsptr"),
                Answer::Error(dialect.error("PIT-000", text)),
            )
        })
        .into()
}

/// A `TestRPCRequest`.
fn asking(kind: &str, method: &str) -> Vec<u8> {
    format!(r#"{{"route":"{kind}.testremotesvc.{method}","data":"thisthis"}}"#).into()
}
