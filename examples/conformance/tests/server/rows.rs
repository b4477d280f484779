//! The rows of the handler table that one client is enough for.

use crate::dialect::{DIALECTS, Dialect, failure, response};
use crate::players::{Player, TRANSPORTS, Transport};
use crate::process::Server;

/// What a row is answered, without flag and id.
pub(crate) enum Answer {
    Body(Vec<u8>),
    Error(Vec<u8>),
}

/// Sends each row and compares the whole message.
pub(crate) async fn check<R: AsRef<str>>(player: &mut Player, rows: &[(R, Vec<u8>, Answer)]) {
    for (id, (route, body, answer)) in (1..).zip(rows) {
        let route = route.as_ref();
        let got = player.call(id, route, body).await;
        let expected = match answer {
            Answer::Body(body) => response(id, body),
            Answer::Error(body) => failure(id, body),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            got == expected,
            "{route}: {:?} is not {:?}",
            text(&got),
            text(&expected)
        );
    }
}

#[tokio::test]
async fn every_row_is_answered_byte_for_byte() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        for transport in TRANSPORTS {
            let mut player = server.player(transport).await;
            check(&mut player, &rows(dialect, "connector")).await;
            check(&mut player, &rows_of_a_frontend(dialect)).await;
        }
    }
}

/// The handlers of a server of this type, here or elsewhere.
pub(crate) fn rows(dialect: Dialect, kind: &str) -> Vec<(String, Vec<u8>, Answer)> {
    use Answer::{Body, Error};
    let error = |code, msg: &str| Error(dialect.error(code, msg));
    let hi = dialect.test_request("hi");
    let absent = "reply must not be null";
    let notify = "tried to request a notify route";
    let unknown = format!("pitaya/handler: {kind}.testsvc.nonexistenthandler not found");
    let rows = vec![
        (
            "testrequestonlysessionreturnsptr",
            vec![],
            Body(dialect.test_response("hello")),
        ),
        (
            "testrequestonlysessionreturnsptrnil",
            vec![],
            error("PIT-000", absent),
        ),
        (
            "testrequestonlysessionreturnsrawnil",
            vec![],
            error("PIT-000", absent),
        ),
        (
            "testrequestreturnsptr",
            hi.clone(),
            Body(dialect.test_response("hi")),
        ),
        (
            "testrequestreturnsptr",
            dialect.test_request(""),
            Body(dialect.test_response("")),
        ),
        ("testrequestreturnsraw", hi, Body(b"hi".to_vec())),
        (
            "testrequestreturnsraw",
            dialect.test_request(""),
            Body(vec![]),
        ),
        (
            "testrequestreceivereturnsraw",
            b"\x00\xffraw".to_vec(),
            Body(b"\x00\xffraw".to_vec()),
        ),
        ("testrequestreceivereturnsraw", vec![], Body(vec![])),
        (
            "testrequestreturnserror",
            b"x".to_vec(),
            error("PIT-555", "somerror"),
        ),
        (
            "testrequestkickuser",
            b"nobody".to_vec(),
            error("PIT-404", "session not found"),
        ),
        ("testsendgroupmsg", b"x".to_vec(), error("PIT-400", notify)),
        (
            "testsendgroupmsgptr",
            dialect.test_request("x"),
            error("PIT-400", notify),
        ),
        (
            "testsendtousers",
            br#"{"uids":[]}"#.to_vec(),
            error("PIT-400", notify),
        ),
        ("nonexistenthandler", vec![], error("PIT-404", &unknown)),
    ];
    rows.into_iter()
        .map(|(method, body, answer)| (format!("{kind}.testsvc.{method}"), body, answer))
        .collect()
}

/// What a frontend of type `connector` says of routes that lead nowhere, or that name no server type.
pub(crate) fn rows_of_a_frontend(dialect: Dialect) -> Vec<(&'static str, Vec<u8>, Answer)> {
    let error = |code, msg| Answer::Error(dialect.error(code, msg));
    vec![
        // With a body that nobody asked for.
        (
            "testsvc.testrequestonlysessionreturnsptr",
            b"?".to_vec(),
            Answer::Body(dialect.test_response("hello")),
        ),
        (
            "testsvc.nonexistenthandler",
            vec![],
            error(
                "PIT-404",
                "pitaya/handler: connector.testsvc.nonexistenthandler not found",
            ),
        ),
        ("invalid", vec![], error("PIT-400", "invalid route")),
        ("", vec![], error("PIT-400", "route field can not be empty")),
        (
            "nowhere.testsvc.testrequestonlysessionreturnsptr",
            vec![],
            error("PIT-500", "no servers available of this type"),
        ),
    ]
}

#[tokio::test]
async fn a_bind_is_acknowledged_once() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        for transport in TRANSPORTS {
            let mut player = server.player(transport).await;
            let bind = |uid: &str| {
                let ack = Answer::Body(b"ack".to_vec());
                ("connector.testsvc.testbindid", uid.as_bytes().to_vec(), ack)
            };
            let refused = |route: &'static str, uid: &str, text| {
                let error = Answer::Error(dialect.error("PIT-444", text));
                (route, uid.as_bytes().to_vec(), error)
            };
            let again = "session is already bound to an uid";
            let rows = [
                refused("connector.testsvc.testbindid", "", "illegal uid"),
                bind(&format!("{transport:?}")),
                refused("connector.testsvc.testbindid", "other", again),
                refused("connector.testsvc.testbind", "", again),
            ];
            check(&mut player, &rows).await;

            let mut nameless = server.player(transport).await;
            let ack = Answer::Body(b"ack".to_vec());
            check(
                &mut nameless,
                &[("connector.testsvc.testbind", vec![], ack)],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_call_of_another_server_is_answered_that_there_is_none() {
    let server = Server::start(&[Dialect::Json.flag()]).await;
    let error = || Answer::Error(Dialect::Json.error("PIT-000", "RPC server is not running"));
    let call = |method: &str| {
        let remote = format!(r#"{{"route":"game.testremotesvc.{method}","data":"thisthis"}}"#);
        remote.into_bytes()
    };
    for transport in TRANSPORTS {
        let mut player = server.player(transport).await;
        let rows = [
            (
                "connector.testsvc.testsendrpc",
                call("rpctestptrreturnsptr"),
                error(),
            ),
            ("connector.testsvc.testsendrpc", b"{}".to_vec(), error()),
            (
                "connector.testsvc.testsendrpcnoargs",
                call("rpctestnoargs"),
                error(),
            ),
        ];
        check(&mut player, &rows).await;
    }
}

#[tokio::test]
async fn protobuf_does_not_carry_arguments_that_only_json_has() {
    let server = Server::start(&[Dialect::Protobuf.flag()]).await;
    let mut player = server.player(Transport::Tcp).await;
    let error = || {
        let text = "protobuf: convert on wrong type value";
        Answer::Error(Dialect::Protobuf.error("PIT-400", text))
    };
    let rows = [
        ("connector.testsvc.testsendrpc", vec![], error()),
        ("connector.testsvc.testsendrpcnoargs", vec![], error()),
    ];
    check(&mut player, &rows).await;
}

#[tokio::test]
async fn json_is_read_and_written_as_go_does() {
    let server = Server::start(&[Dialect::Json.flag()]).await;
    let mut player = server.player(Transport::Tcp).await;
    let ok = |msg| Answer::Body(Dialect::Json.test_response(msg));
    let route = "connector.testsvc.testrequestreturnsptr";
    let rows = [
        (
            route,
            br#"{"msg":"<\u00e9&>"}"#.to_vec(),
            ok(r"\u003cé\u0026\u003e"),
        ),
        (route, br#"{"MSG":"case","other":[1]}"#.to_vec(), ok("case")),
        (route, b"null".to_vec(), ok("")),
        (
            route,
            vec![],
            Answer::Error(Dialect::Json.error("PIT-400", "unexpected end of JSON input")),
        ),
    ];
    check(&mut player, &rows).await;

    let refused = player.call(9, route, br#"{"msg":1}"#).await;
    let expected = failure(9, br#"{"code":"PIT-400","msg":""#);
    assert!(
        refused.starts_with(&expected),
        "{}",
        String::from_utf8_lossy(&refused)
    );
}

#[tokio::test]
async fn the_handshake_says_what_the_flags_and_the_environment_chose() {
    let variables = [("PITAYA_HEARTBEAT_INTERVAL", "7s")];
    for (dialect, variables, sys) in [
        (
            Dialect::Json,
            &[][..],
            r#""heartbeat":10,"serializer":"json""#,
        ),
        (
            Dialect::Protobuf,
            &variables,
            r#""heartbeat":7,"serializer":"protobuf""#,
        ),
    ] {
        let server = Server::start_with(&[dialect.flag()], variables).await;
        for transport in TRANSPORTS {
            let player = server.player(transport).await;
            let expected = format!(r#"{{"code":200,"sys":{{"dict":{{}},{sys}}}}}"#);
            assert_eq!(String::from_utf8_lossy(&player.handshake), expected);
        }
    }
}

#[tokio::test]
async fn the_server_type_is_the_first_part_of_its_routes() {
    let server = Server::start(&["-type", "game"]).await;
    let mut player = server.player(Transport::Tcp).await;
    let own = "game.testsvc.testrequestonlysessionreturnsptr";
    let foreign = "connector.testsvc.testrequestonlysessionreturnsptr";
    let none = Dialect::Json.error("PIT-500", "no servers available of this type");
    let rows = [
        (
            own,
            vec![],
            Answer::Body(Dialect::Json.test_response("hello")),
        ),
        (foreign, vec![], Answer::Error(none)),
    ];
    check(&mut player, &rows).await;
}
